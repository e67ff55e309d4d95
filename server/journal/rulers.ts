import { basename, join } from "node:path";
import { z } from "zod";
import { type Ruler, type RulerChange, rulerChange, rulerChangeText, rulerSchema } from "../data/ruler.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { realPathOf } from "../fs/contained.ts";
import { sha256 } from "../fs/hash.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { kindOf, listPaths } from "../fs/read.ts";
import { type Env, userDir } from "../run/env.ts";
import { readingOnce } from "./seen.ts";

/** Which set of a workspace is measured on, and whose home keeps what is known of it. */
export type RulerPlace = { readonly workspace: string; readonly set: "kpi" | "holdout"; readonly env: Env };

/** One scoring of a workspace's KPI set or frozen test set, kept outside the workspace. */
const useSchema = z.object({
  run: z.string(),
  iteration: z.string(),
  at: z.string(),
  ruler: z.string(),
  far_pct: z.number().optional(),
});
export type RulerUse = z.infer<typeof useSchema>;

/** What is known of a workspace's KPI set from earlier runs. */
export type Custody = {
  /** Scorings before, of this ruler and of others, and the runs that they belong to. */
  readonly scorings: number;
  readonly runs: number;
  /** Present when the newest scoring was of another ruler; without `change` where that one is not kept any more. */
  readonly other?: { readonly run: string; readonly at: string; readonly change?: RulerChange };
};

/** A scoring is written once and read once: a look at thousands takes a stat of each. */
const usesOf = readingOnce({
  name: "uses-1",
  shape: useSchema,
  filesOf: (path) => [path],
  read: (path) => readAsIfPresent(path, useSchema).catch(() => undefined),
});

/** Every scoring of a set that is kept, oldest first; none for a process that has no home at all. */
export async function rulerUses(place: RulerPlace): Promise<RulerUse[]> {
  const dir = await rulersDir(place);
  const paths = dir === undefined ? [] : await listPaths(join(dir, "uses"), /\.json$/);
  const uses = (await usesOf(paths, place.env)).filter((use) => use !== undefined);
  return uses.sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
}

/** Holds a ruler against those of earlier runs; a run is not held against itself. */
export async function custodyOf(place: RulerPlace, ruler: Ruler, run?: string): Promise<Custody> {
  const uses = (await rulerUses(place)).filter((use) => use.run !== run);
  const newest = uses.at(-1);
  const counts = { scorings: uses.length, runs: new Set(uses.map((use) => use.run)).size };
  if (newest === undefined || newest.ruler === ruler.digest) return counts;
  const dir = await rulersDir(place);
  const path = join(dir ?? "", `${newest.ruler}.json`);
  const before = await readAsIfPresent(path, rulerSchema).catch(() => undefined);
  const change = before && rulerChange(before, ruler);
  return { ...counts, other: { run: newest.run, at: newest.at, ...(change === undefined ? {} : { change }) } };
}

/** `18 labels changed since run_... was scored: its figures are not comparable.`; undefined on the same ruler. */
export function custodyText({ other }: Custody): string | undefined {
  if (other === undefined) return undefined;
  const what = other.change === undefined ? "the KPI set changed" : rulerChangeText(other.change);
  return `KPI set: ${what} since ${other.run} was scored; figures are not comparable.`;
}

/** Keeps a ruler where no edit of the workspace reaches. A folder that takes no file stops nothing. */
export async function keepRuler(place: RulerPlace, ruler: Ruler): Promise<void> {
  await keep(place, `${ruler.digest}.json`, ruler);
}

/** Notes that a run scored the set; once an iteration, however often it is asked. */
export async function noteUse(place: RulerPlace, runDir: string, use: Omit<RulerUse, "run">): Promise<void> {
  const run = basename(runDir);
  await keep(place, join("uses", `${run}-${use.iteration}.json`), { run, ...use });
}

async function keep(place: RulerPlace, name: string, value: object): Promise<void> {
  const dir = await rulersDir(place);
  if (dir === undefined || (await kindOf(join(dir, name)).catch(() => "other")) === "file") return;
  try {
    await makeDirectory(join(dir, "uses"), 0o700);
    await writeAtomic(join(dir, name), `${JSON.stringify(value)}\n`, 0o600);
  } catch {
    // The next run then knows of one scoring less.
  }
}

async function rulersDir({ workspace, set, env }: RulerPlace): Promise<string | undefined> {
  if (!env.XDG_STATE_HOME && !env.HOME) return undefined;
  const dir = join(userDir(env, "state"), "rulers", sha256(await realPathOf(workspace)).slice(0, 32));
  return set === "kpi" ? dir : join(dir, set);
}
