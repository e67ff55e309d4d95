import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../../errors.ts";
import { spawnDetached } from "../../exec/detached.ts";
import { openClient } from "../../exec/osmo/client.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import type { Executor, JobState } from "../../ports/executor.ts";
import type { JobProgress, JobRecord } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { isKept, keeperBegins } from "./keeper.ts";
import { asRefusal, osmoFiles, readExit, readTask, saveTask } from "./record.ts";
import { osmoSettings } from "./settings.ts";

/** Runs jobs elsewhere than on the run's platform: the part of the port that a single job needs. */
export type JobRunner = Pick<Executor, "availability" | "start" | "poll" | "cancel" | "discard"> & {
  progress(runDir: string, record: JobRecord): Promise<JobProgress | undefined>;
};

/**
 * Runs a job as one OSMO task. A keeper process takes it through its life and outlives the server; this side starts
 * keepers, reads what they wrote and tells what stopped one.
 */
export function osmoRunner(options: { main: string; env: NodeJS.ProcessEnv }): JobRunner {
  const { env } = options;
  return {
    availability: () => poolState(env),
    async start(runDir, spec) {
      await spawnKeeper(runDir, spec.id, options);
      return { runner: "osmo" };
    },
    async poll(runDir, record): Promise<JobState> {
      const { id } = record.spec;
      const kept = await isKept(runDir, id);
      const exit = await readExit(runDir, id);
      if (exit) return { state: "ended", exit };
      if (kept) return { state: "running" };
      const task = await readTask(runDir, id);
      if (task?.trouble !== undefined) {
        const { trouble, ...again } = task;
        await saveTask(runDir, id, again);
        throw asRefusal(trouble);
      }
      await spawnKeeper(runDir, id, options);
      return { state: "running" };
    },
    async cancel(runDir, record, graceSec) {
      const { id } = record.spec;
      await writeAtomic(osmoFiles(runDir, id).cancel, "");
      const workflow = (await readTask(runDir, id))?.workflow_id;
      if (workflow !== undefined) await openClient({ env }).cancel(workflow, "cancelled by cancel_stage");
      if (!(await isKept(runDir, id))) await spawnKeeper(runDir, id, options);
      const deadline = Date.now() + graceSec * 1000;
      while (Date.now() < deadline && (await readExit(runDir, id)) === undefined) await sleep(200);
    },
    async progress(runDir, record) {
      const task = await readTask(runDir, record.spec.id);
      if (task?.workflow_id === undefined) return { message: "staging the inputs of training for OSMO" };
      const said = task.last_line === undefined ? "" : `; ${task.last_line.slice(0, 160)}`;
      return { message: `OSMO ${task.workflow_id}: ${task.status ?? "submitted"}${said}` };
    },
    async discard() {
      // The CLI deletes nothing: inputs stay for the next job, outputs until the bucket's own rules take them.
    },
  };
}

async function spawnKeeper(runDir: string, jobId: string, { main, env }: { main: string; env: NodeJS.ProcessEnv }) {
  const argv = [process.execPath, main, "osmo-keeper", runDir, jobId];
  spawnDetached(argv, { cwd: dirname(main), env, logPath: join(runPaths(runDir).jobs, "keeper.log") });
  await keeperBegins(runDir, jobId);
}

/** Whether the CLI is there and logged in, and the pool can take work. */
async function poolState(env: NodeJS.ProcessEnv): Promise<{ available: boolean; detail: string }> {
  try {
    const name = osmoSettings(env)?.pool ?? "";
    const { node_sets } = await openClient({ env }).pool(name);
    const pool = node_sets.flatMap(({ pools }) => pools).find((one) => one.name === name);
    if (pool === undefined) return { available: false, detail: `OSMO shows no pool ${name}` };
    const detail = `training in OSMO pool ${name}, ${pool.resource_usage.total_capacity} GPUs, ${pool.status}`;
    return { available: pool.status === "ONLINE", detail };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { available: false, detail: `${error.message} ${error.remedy}` };
  }
}
