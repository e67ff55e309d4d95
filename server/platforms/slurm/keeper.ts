import type { Work } from "../../durable/keeper.ts";
import { isCancelled, jobOf, readExit, recordEnd, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { readAs } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import { type JobExit, jobRecordSchema } from "../../run/job.ts";
import { waitUntil } from "../../run/wait.ts";
import { readShellClaim, readShellEnd, recordShellEnd, type ShellEnd } from "../shell-job.ts";
import { type Slurm, slurmCli } from "./cli.ts";
import { exitOfEnd, exitWithoutEnd } from "./exit.ts";
import { approvedJob } from "./program.ts";
import { cancelJobs, isFinal, queued, type SlurmJob, stateText } from "./queue.ts";
import { type SlurmTask, saveTask } from "./record.ts";
import { submittedTask } from "./submit.ts";

/** How often a job is looked at, and how long what is late is waited for; all in ms. Tests shorten it. */
export type SlurmPace = {
  /** Looks at the run directory. */
  readonly first_ms: number;
  readonly most_ms: number;
  /** Questions to the controller, which serves a whole site. */
  readonly ask_ms: number;
  /** A submit without an answer may still arrive. */
  readonly settleMs: number;
  /** What a node wrote may not be seen here yet. */
  readonly lateMs: number;
};

const usualPace: SlurmPace = { first_ms: 100, most_ms: 1000, ask_ms: 10_000, settleMs: 30_000, lateMs: 30_000 };

type Kept = {
  readonly stem: string;
  readonly slurm: Slurm;
  readonly task: SlurmTask;
  readonly pace: SlurmPace;
};

/**
 * Takes a recorded job through its life on SLURM: one submit, looks until it ends, exit written. Everything is on disk
 * before it takes effect, so a keeper that died anywhere is followed by one that goes on.
 */
export function slurmWork(main: string, pace = usualPace): Work {
  return {
    async run({ stem, env }) {
      if ((await readExit(stem)) !== undefined) return;
      const record = await readAs(workFiles(stem).record, jobRecordSchema);
      const { spec } = record;
      const { runDir } = jobOf(stem);
      const job = await approvedJob(runDir, spec, main);
      const slurm = slurmCli(job.settings.host, env);
      const task = await submittedTask({ stem, runDir, record, slurm, ...job, settleMs: pace.settleMs });
      if (task === undefined) {
        const detail = "before it was submitted to SLURM";
        return await recordEnd(stem, { outcome: "cancelled", detail }, spec, env);
      }
      const exit = await untilEnded({ stem, slurm, task, pace });
      if (exit !== undefined) await recordShellEnd(stem, exit, spec, { env, lateMs: pace.lateMs });
    },
  };
}

/** How the job ended, its own word above SLURM's; undefined when its record is gone with the run. */
async function untilEnded(kept: Kept): Promise<JobExit | undefined> {
  const watch = watcherOf(kept);
  const { record } = workFiles(kept.stem);
  const found = await waitUntil(async () => {
    if ((await fileFacts(record)) === undefined) return "gone";
    const end = await readShellEnd(kept.stem);
    if (end !== undefined) return await explained(kept, end);
    return await watch();
  }, kept.pace);
  return found === "gone" ? undefined : found;
}

/** A job that ended well is believed; of one that was stopped SLURM is asked why, which it may take a moment to know. */
async function explained({ stem, slurm, task, pace }: Kept, end: ShellEnd): Promise<JobExit> {
  const cancelled = await isCancelled(stem);
  const stopped = end.asked !== undefined || end.outcome === "killed";
  if (end.exit_code === 0 || !stopped || cancelled) return exitOfEnd(end, { job: undefined, cancelled });
  const bounds = { deadline: performance.now() + pace.lateMs };
  const job = await waitUntil(
    async () => {
      const now = await seenNow(slurm, end.who || (task.job_id ?? ""));
      if (now === "unknown") return undefined;
      return now.length === 0 ? "forgotten" : now.find(isFinal);
    },
    pace,
    bounds,
  );
  return exitOfEnd(end, { job: job === "forgotten" ? undefined : job, cancelled });
}

/**
 * Asks SLURM from time to time how the job stands, notes it, and ends what somebody wants to end. Says how a job ended
 * that SLURM calls ended, or knows no more, and that has written nothing for as long as what is late may take.
 */
function watcherOf({ stem, slurm, task, pace }: Kept): () => Promise<JobExit | undefined> {
  let asked = Number.NEGATIVE_INFINITY;
  let overSince: number | undefined;
  let cancelSent = false;
  let noted = task.status;
  return async () => {
    const cancelled = await isCancelled(stem);
    const now = performance.now();
    const due = now - asked >= (overSince === undefined ? pace.ask_ms : Math.min(pace.ask_ms, 1000));
    if (!due && (cancelSent || !cancelled)) return undefined;
    asked = now;
    const id = (await readShellClaim(stem))?.who ?? task.job_id ?? "";
    if (cancelled && !cancelSent)
      cancelSent = await sent(cancelJobs(slurm, [...new Set([id, task.job_id ?? id])], "all"));
    const seen = await seenNow(slurm, id);
    const status = statusOf(seen);
    if (status !== noted) await saveTask(stem, { ...task, job_id: id, status });
    noted = status;
    const job = seen === "unknown" ? undefined : seen[0];
    if (seen === "unknown" || (job !== undefined && !isFinal(job))) {
      overSince = undefined;
      return undefined;
    }
    overSince ??= now;
    const late = now - overSince >= (cancelled ? Math.min(pace.lateMs, 3000) : pace.lateMs);
    return late ? exitWithoutEnd({ job, cancelled }) : undefined;
  };
}

function statusOf(seen: readonly SlurmJob[] | "unknown"): string {
  if (seen === "unknown") return "unknown: the controller does not answer";
  const [job] = seen;
  return job === undefined ? "ended, and forgotten by SLURM" : stateText(job);
}

/** No answer is no news: the job runs on. */
async function seenNow(slurm: Slurm, id: string): Promise<readonly SlurmJob[] | "unknown"> {
  try {
    return await queued(slurm, { id });
  } catch (error) {
    if (error instanceof Refusal && error.code === "executor.unavailable") return "unknown";
    throw error;
  }
}

async function sent(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === "executor.unavailable") return false;
    throw error;
  }
}
