import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "@jest/globals";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { type Connection, connect } from "./built-server.ts";

/** What `preflight` needs to plan the shortest whole loop on a generated workspace. */
export const shortLoop = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.1% at recall=100%", seed: 1 };

/** Drawing takes most of a second of processor time: once a test file. */
let drawn: Promise<string> | undefined;
afterAll(async () => {
  if (drawn !== undefined) await rm(dirname(await drawn), { recursive: true });
});

async function draw(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "deft-drawn-"));
  return (await generateWorkspace(join(folder, "boards"), { seed: 5, size: "tiny" })).workspace;
}

/** The smallest generated workspace, below a folder of the test. */
export async function boardsIn(folder: string, name = "boards"): Promise<string> {
  drawn ??= draw();
  const workspace = join(folder, name);
  await cp(await drawn, workspace, { recursive: true });
  return workspace;
}

/** Plans with one server and has a second one, started with the plan id, approve it: the run's directory. */
export async function approvedRun(
  home: string,
  workspace: string,
  change: Record<string, unknown> = {},
): Promise<string> {
  const planner = await connect({ home });
  const planned = await planner.call("preflight", { ...shortLoop, workspace, resume: "fresh", ...change });
  await planner.close();
  const approver = await connect({ home, env: { DEFT_APPROVE_PLAN: String(planned.plan_id) } });
  const { run_dir } = await approver.call("approve_plan", { plan_id: planned.plan_id });
  await approver.close();
  return String(run_dir);
}

/** Calls `run_stage` until `until` holds for a result, or the loop is at its end. */
export async function drive(
  server: Connection,
  run: string,
  until: (step: Record<string, unknown>) => boolean = () => false,
): Promise<Record<string, unknown>> {
  for (;;) {
    const step = await server.call("run_stage", { run, wait_seconds: 20 });
    if (until(step) || step.outcome === "hard_stop" || String(step.next_action).startsWith("finish_loop")) return step;
  }
}

/** The log of a run, one object an entry. */
export async function logOf(runDir: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(runDir, "loop_log.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

export async function stateOf(runDir: string) {
  return JSON.parse(await readFile(join(runDir, "deft_state.json"), "utf8"));
}

/** What a run came to, without its own name: the log's stages, the figures, the rows it trained on and scored. */
export async function outcomeOf(run: string) {
  const { iterations } = await stateOf(run);
  const named = async (path: string) => (await readFile(path, "utf8")).replaceAll(/run_\d{8}_\d{6}/g, "run");
  const log = await logOf(run);
  return {
    stages: log.map(({ stage, status }) => `${stage} ${status}`),
    seq: log.map(({ seq }) => seq),
    figures: ["baseline", "iter1"].map((label) => {
      const { far_pct, threshold, val_loss, ledger } = iterations[label];
      return { far_pct, threshold, val_loss, ledger };
    }),
    merged: await named(iterations.iter1.combined_training_csv),
    scored: await named(iterations.iter1.inference_csv),
    attempts: (await readdir(join(run, "jobs"))).filter((name) => name.endsWith(".attempt")).length,
  };
}

/** Kills the process group of the job that now runs, as the out-of-memory killer would. */
export async function killRunningJob(run: string): Promise<void> {
  for (;;) {
    const claim = (await readdir(join(run, "jobs"))).find((name) => name.endsWith(".claim"));
    const text = claim === undefined ? "" : await readFile(join(run, "jobs", claim), "utf8");
    if (text !== "") return void process.kill(-JSON.parse(text).pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
