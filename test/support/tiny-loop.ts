import { cp, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
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

/** Runs a whole loop through the tools; a few seconds, so once a test file. `furnish` changes the workspace before. */
export async function tinyLoop(
  last = "finished",
  wish: Record<string, unknown> = {},
  furnish: (workspace: string) => Promise<void> = async () => undefined,
): Promise<TinyLoop> {
  const request = { ...tinyRequest, ...wish };
  const home = await realpath(await mkdtemp(join(tmpdir(), "deft-tiny-")));
  const workspace = join(home, "boards");
  await generateWorkspace(workspace, { seed: 1, size: "tiny" });
  await furnish(workspace);
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
  const points: string[] = [];
  const parts = new Map(["boards", "state"].map((part) => [part, putBackInto(join(home, part))]));
  const keep = async (point: string) => {
    for (const part of ["boards", "state"]) await copyTree(join(home, part), join(home, "points", point, part));
    points.push(point);
  };
  const planner = await toolClient(deps());
  const planId = String((await planner.result("preflight", request)).plan_id);
  await planner.close();
  const client = await toolClient(deps({ DEFT_APPROVE_PLAN: planId }));
  await keep("planned");
  const runDir = String((await client.result("approve_plan", { plan_id: planId })).run_dir);
  await keep("created");
  for (let next = "run_stage"; next.startsWith("run_stage") && points.at(-1) !== last; ) {
    const step = await client.result("run_stage", { run: runDir });
    if (step.outcome !== "committed") throw new Error(`the tiny loop stopped: ${JSON.stringify(step)}`);
    await keep(`${step.iteration}-${step.stage}`);
    next = String(step.next_action);
  }
  if (last === "finished") {
    await client.result("finish_loop", { run: runDir });
    await keep("finished");
  }
  await client.close();
  return {
    home,
    workspace,
    runDir,
    planId,
    request,
    points,
    deps,
    async backTo(point) {
      for (const [part, putBack] of parts) await putBack(join(home, "points", point, part));
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** A copy with the times of the original, since evidence is judged by its age. */
async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}
