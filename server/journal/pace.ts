import { join } from "node:path";
import { z } from "zod";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { type Env, userDir } from "../run/env.ts";
import type { Platform } from "../run/labels.ts";
import type { Program } from "../run/platform-traits.ts";

/** How long passes of the loop took on this host: seconds for every second of the uncalibrated estimate, oldest first. */
const paceSchema = z.object({ baseline: z.array(z.number()), iteration: z.array(z.number()) });
export type Pace = z.infer<typeof paceSchema>;
export type Paces = Readonly<Partial<Record<string, Pace>>>;
export type PassKind = keyof Pace;

/** A host changes; what it did this many passes ago says nothing any more. */
const kept = 8;

/** The figures hold for one model of the time alone: a changed one begins a file of its own. */
const pathOf = (env: Env) => join(userDir(env, "state"), "pace-2.json");

/** What runs where is as fast as itself alone. */
export function paceKey(platform: Platform | undefined, program: Program): string {
  return `${platform} ${program}`;
}

/** What is known of this host, by `paceKey`; nothing where nothing was kept or it cannot be read. */
export async function readPaces(env: Env): Promise<Paces> {
  return (await readAsIfPresent(pathOf(env), z.record(z.string(), paceSchema)).catch(() => undefined)) ?? {};
}

/** Keeps how one pass did. Two runs that end a pass at once may lose one of both; a folder that takes no file stops nothing. */
export async function keepPace(key: string, kind: PassKind, ratio: number, env: Env): Promise<void> {
  const paces = await readPaces(env);
  const before = paces[key] ?? { baseline: [], iteration: [] };
  const pace = { ...before, [kind]: [...before[kind], Number(ratio.toPrecision(4))].slice(-kept) };
  try {
    await makeDirectory(userDir(env, "state"));
    await writeAtomic(pathOf(env), `${JSON.stringify({ ...paces, [key]: pace })}\n`);
  } catch {
    // An estimate is worth no stop.
  }
}
