import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { sha256 } from "../../server/fs/hash.ts";
import type { Deps } from "../../server/ports/call.ts";
import { engineHere, type Stand } from "./engine-here.ts";
import { putBackInto } from "./put-back.ts";
import { toolClient } from "./tool-client.ts";

/** A finished loop on a tiny workspace, with a copy of everything as it was after each commit. */
export type TinyLoop = {
  readonly home: string;
  readonly workspace: string;
  readonly runDir: string;
  readonly planId: string;
  /** The preflight arguments that the loop was planned with. */
  readonly request: Readonly<Record<string, unknown>>;
  /** `created`, `baseline-train`, ... `finished`: the points that can be gone back to, in their order. */
  readonly points: readonly string[];
  /** Puts workspace and run back to how they were right after a commit. */
  backTo(point: string): Promise<void>;
  deps(env?: Record<string, string>, stand?: Stand): Deps;
  remove(): Promise<void>;
};

/** The preflight arguments of the cheapest loop that still trains, generates and mines. */
export const tinyRequest = {
  platform: "embedded",
  max_iterations: 2,
  kpi_target: "FAR < 0.001% at recall=100%",
  num_epochs: 2,
  num_sdg: 4,
  min_similarity: 0.2,
  seed: 1,
  resume: "fresh",
};

/** What is known of a loop that was made: kept beside its points. */
type Made = { planId: string; runDir: string; points: string[] };

/**
 * A loop that was run through the tools up to a point. Making it takes seconds, so the test files that one of Jest's
 * workers runs share it, each put back to `last`; where one `furnish`es the workspace before, the loop is its own.
 */
export async function tinyLoop(
  last = "finished",
  wish: Record<string, unknown> = {},
  furnish?: (workspace: string) => Promise<void>,
): Promise<TinyLoop> {
  const request = { ...tinyRequest, ...wish };
  const home = furnish === undefined ? await sharedHome(request) : await mkdtemp(join(await folder(), "tiny-"));
  const workspace = join(home, "boards");
  const deps = (env: Record<string, string> = {}, stand?: Stand): Deps => {
    const executor = engineHere(stand, env);
    return {
      clock: { now: () => new Date() },
      ids: { hex: (length) => "0".repeat(length) },
      env: { HOME: home, XDG_STATE_HOME: join(home, "state"), DEFT_WORKSPACE: workspace, ...env },
      cwd: workspace,
      executors: { embedded: async () => executor },
    };
  };
  const parts = new Map(["boards", "state"].map((part) => [part, putBackInto(join(home, part))]));
  const backTo = async (point: string) => {
    for (const [part, putBack] of parts) await putBack(join(home, "points", point, part));
  };
  const made = (await madeBefore(home)) ?? (await create(home, deps, request, furnish));
  await goOn(home, deps, made, last, backTo);
  const { planId, runDir } = made;
  const points = made.points.slice(0, made.points.indexOf(last) + 1);
  const remove = async () => await (furnish && rm(home, { recursive: true, force: true }));
  return { home, workspace, runDir, planId, request, points, deps, backTo, remove };
}

/** Where the tests of one run of Jest share what they make; its end takes it away. */
async function folder(): Promise<string> {
  const path = join(process.env.DEFT_TEST_SHARED ?? tmpdir(), "loops");
  await mkdir(path, { recursive: true });
  return await realpath(path);
}

/** Workers share nothing, as each puts its loop back to another point. What an earlier file left beside it goes. */
async function sharedHome(request: Readonly<Record<string, unknown>>): Promise<string> {
  const home = join(await folder(), `${process.env.JEST_WORKER_ID}-${sha256(JSON.stringify(request)).slice(0, 12)}`);
  const left = await readdir(home).catch(() => []);
  for (const name of left) if (name !== "points") await rm(join(home, name), { recursive: true });
  return home;
}

const recordOf = (home: string) => join(home, "points", "made.json");

async function madeBefore(home: string): Promise<Made | undefined> {
  const text = await readFile(recordOf(home), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

async function create(
  home: string,
  deps: TinyLoop["deps"],
  request: Readonly<Record<string, unknown>>,
  furnish: (workspace: string) => Promise<void> = async () => undefined,
): Promise<Made> {
  await rm(home, { recursive: true, force: true });
  await generateWorkspace(join(home, "boards"), { seed: 1, size: "tiny" });
  await furnish(join(home, "boards"));
  const planner = await toolClient(deps());
  const planId = String((await planner.result("preflight", request)).plan_id);
  await planner.close();
  const made: Made = { planId, runDir: "", points: [] };
  await keep(home, made, "planned");
  const client = await toolClient(deps({ DEFT_APPROVE_PLAN: planId }));
  made.runDir = String((await client.result("approve_plan", { plan_id: planId })).run_dir);
  await client.close();
  await keep(home, made, "created");
  return made;
}

/** Goes back to a point, or from the last one on to it. */
async function goOn(
  home: string,
  deps: TinyLoop["deps"],
  made: Made,
  last: string,
  backTo: TinyLoop["backTo"],
): Promise<void> {
  const { runDir: run, points } = made;
  if (points.includes(last)) return await backTo(last);
  await backTo(points.at(-1) ?? "created");
  const client = await toolClient(deps({ DEFT_APPROVE_PLAN: made.planId }));
  let next = String((await client.result("loop_status", { run })).next_action);
  while (points.at(-1) !== last && next.startsWith("run_stage")) {
    const step = await client.result("run_stage", { run });
    if (step.outcome !== "committed") throw new Error(`the tiny loop stopped: ${JSON.stringify(step)}`);
    await keep(home, made, `${step.iteration}-${step.stage}`);
    next = String(step.next_action);
  }
  if (last === "finished") {
    await client.result("finish_loop", { run });
    await keep(home, made, "finished");
  }
  await client.close();
}

async function keep(home: string, made: Made, point: string): Promise<void> {
  for (const part of ["boards", "state"]) await copyTree(join(home, part), join(home, "points", point, part));
  made.points.push(point);
  await writeFile(recordOf(home), JSON.stringify(made));
}

/** A copy with the times of the original, since evidence is judged by its age. */
async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}
