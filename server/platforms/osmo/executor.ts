import { ensureKeeper, keptEnd, pollKept } from "../../durable/keeper.ts";
import { askCancel, jobStem } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { openClient } from "../../exec/osmo/client.ts";
import type { Executor } from "../../ports/executor.ts";
import type { JobProgress, JobRecord } from "../../run/job.ts";
import { readTask } from "./record.ts";
import { osmoSettings } from "./settings.ts";

/** Runs jobs elsewhere than on the run's platform: the part of the port that a single job needs. */
export type JobExecutor = Pick<Executor, "availability" | "start" | "poll" | "cancel"> & {
  progress(runDir: string, record: JobRecord): Promise<JobProgress | undefined>;
};

/**
 * Runs a job as one OSMO task. A keeper takes it through its life; this side starts keepers, reads what they wrote and
 * tells what stopped one.
 */
export function osmoExecutor(options: { main: string; env: NodeJS.ProcessEnv }): JobExecutor {
  const { env } = options;
  const keeperOf = (stem: string) => ({ kind: "osmo", stem, ...options });
  return {
    availability: () => poolState(env),
    async start(runDir, spec) {
      await ensureKeeper(keeperOf(jobStem(runDir, spec.id)));
      // The name that records of earlier versions have too.
      return { runner: "osmo" };
    },
    poll: (runDir, record) => pollKept(keeperOf(jobStem(runDir, record.spec.id))),
    async cancel(runDir, record, graceSec) {
      const stem = jobStem(runDir, record.spec.id);
      await askCancel(stem);
      const workflow = (await readTask(stem))?.workflow_id;
      if (workflow !== undefined) await openClient({ env }).cancel(workflow, "cancelled by cancel_stage");
      await keptEnd(keeperOf(stem), graceSec);
    },
    async progress(runDir, record) {
      const task = await readTask(jobStem(runDir, record.spec.id));
      if (task?.workflow_id === undefined) return { message: "staging the inputs of training for OSMO" };
      const said = task.last_line === undefined ? "" : `; ${task.last_line.slice(0, 160)}`;
      return { message: `OSMO ${task.workflow_id}: ${task.status ?? "submitted"}${said}` };
    },
  };
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
