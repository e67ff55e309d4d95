import { constants } from "node:os";
import { defined } from "../../run/defined.ts";
import type { JobExit } from "../../run/job.ts";
import type { ShellEnd } from "../shell-job.ts";
import type { SlurmJob } from "./queue.ts";

/** What SLURM says beside the job's own word, or without it. `job` is undefined where SLURM knows it no more. */
export type Seen = { readonly job: SlurmJob | undefined; readonly cancelled: boolean };

type Cause = Pick<JobExit, "outcome" | "detail">;

/** Why SLURM ended a job. A cancel that was ours is none of these. */
const causes: Readonly<Record<string, Cause>> = {
  TIMEOUT: { outcome: "timeout", detail: "SLURM ended it at its time limit (setting time)" },
  DEADLINE: { outcome: "timeout", detail: "SLURM ended it at its deadline" },
  OUT_OF_MEMORY: { outcome: "oom", detail: "SLURM ended it for memory (setting memory)" },
  PREEMPTED: { outcome: "killed", detail: "SLURM preempted it for another job" },
  CANCELLED: { outcome: "killed", detail: "cancelled in SLURM, not by this server" },
  REVOKED: { outcome: "killed", detail: "SLURM gave it to another cluster" },
  NODE_FAIL: { outcome: "lost", detail: "its node was lost" },
  BOOT_FAIL: { outcome: "lost", detail: "its node did not boot" },
};

/**
 * How a job ended that wrote so itself. Its own word counts above all that SLURM says; of one that was stopped SLURM says
 * why.
 */
export function exitOfEnd(end: ShellEnd, { job, cancelled }: Seen): JobExit {
  const { outcome, exit_code, signal, started_at, ended_at, detail, asked } = end;
  const own: JobExit = { outcome, ...defined({ exit_code, signal, started_at, ended_at, detail }) };
  if (exit_code === 0 || outcome === "timeout") return own;
  const stopped = asked !== undefined || outcome === "killed";
  if (!stopped) return own;
  if (cancelled) return { ...own, outcome: "cancelled" };
  const cause = causes[job?.state ?? ""];
  if (cause !== undefined && cause.outcome !== "lost") return { ...own, ...cause };
  if (asked === undefined) return own;
  return { ...own, outcome: "killed", detail: detail ?? `SLURM asked it to end (SIG${asked})` };
}

/** How a job ended that wrote nothing: with SLURM's word alone it never ended well. */
export function exitWithoutEnd({ job, cancelled }: Seen): JobExit {
  if (cancelled && (job === undefined || job.state === "CANCELLED")) return { outcome: "cancelled" };
  if (job === undefined) return { outcome: "lost", detail: "SLURM knows the job no more, and it left no exit" };
  const cause = causes[job.state];
  if (cause !== undefined) return cause;
  const said = `SLURM job ${job.id} ended as ${job.state} (${job.reason}, ${job.exit_code}) and left no exit`;
  if (job.state !== "FAILED") return { outcome: "lost", detail: said };
  const [code = 0, signal = 0] = job.exit_code.split(":").map(Number);
  if (job.exit_code === "0:53" || job.reason === "JobLaunchFailure") {
    return { outcome: "lost", detail: `${said}: its node could not start it or sees no run directory` };
  }
  if (signal > 0) return { outcome: "killed", ...defined({ signal: signalName(signal) }), detail: said };
  // Its last words found no room, or it was a program of the site's that ended it.
  if (code === 74) return { outcome: "lost", detail: `${said}: it could not write into the run directory` };
  return { outcome: "exited", exit_code: code, detail: said };
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
