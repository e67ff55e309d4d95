import { type ChildProcess, spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { changing } from "../fs/write-failure.ts";
import { defined } from "../run/defined.ts";
import type { JobExit, JobSpec } from "../run/job.ts";

/** Starts the program of a job, its output appended to a log. */
export type Start = (spec: JobSpec, argv: readonly string[], env: NodeJS.ProcessEnv, logFd: number) => ChildProcess;

export const startAnew: Start = ({ workdir }, [program = "", ...args], env, logFd) =>
  spawn(program, args, { cwd: workdir, env, stdio: ["ignore", logFd, logFd] });

/**
 * Runs the program of a job as a child of this process, its output appended to the job's log, and returns how it ended.
 * At the job's time limit, and when this process is asked to end, the program is asked to.
 */
export async function runProgram(
  spec: JobSpec,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  start: Start = startAnew,
): Promise<JobExit> {
  let log: FileHandle;
  try {
    log = await changing(spec.log_path, () => open(spec.log_path, "a"));
  } catch (error) {
    return { outcome: "exited", exit_code: 126, detail: error instanceof Error ? error.message : String(error) };
  }
  try {
    return await ended(start(spec, argv, env, log.fd), spec);
  } finally {
    await log.close();
  }
}

function ended(child: ChildProcess, { time_limit_sec: limit }: JobSpec): Promise<JobExit> {
  return new Promise((resolve) => {
    let cause: JobExit["outcome"] = "exited";
    const stop = (why: JobExit["outcome"]) => {
      cause = why;
      child.kill("SIGTERM");
    };
    process.on("SIGTERM", () => stop("killed"));
    const timer = limit === undefined ? undefined : setTimeout(() => stop("timeout"), limit * 1000);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ outcome: "exited", exit_code: 127, detail: error.message });
    });
    // Once what it printed is appended as well.
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const outcome = cause === "exited" && signal !== null ? "killed" : cause;
      resolve({ outcome, ...defined({ exit_code: code ?? undefined, signal: signal ?? undefined }) });
    });
  });
}
