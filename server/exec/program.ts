import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { changing } from "../fs/write-failure.ts";
import { defined } from "../run/defined.ts";
import type { JobExit, JobSpec } from "../run/job.ts";
import { follows } from "./awaited-line.ts";

/** What a program that was started ahead of its job is told of it. */
export type Task = Pick<JobSpec, "argv" | "env" | "workdir">;

/** A program that was started before its job was known. */
export type ProgramAhead = ChildProcess;

/** Starts a child of this process that waits for a task, as a line of JSON; it ends without one when this process does. */
export function startProgramAhead([program = "", ...args]: readonly string[], env: NodeJS.ProcessEnv): ProgramAhead {
  const child = spawn(program, [...args, follows], { env, stdio: ["pipe", "pipe", "pipe"] });
  for (const one of [child, child.stdin]) one.on("error", () => undefined);
  return child;
}

/**
 * Runs the program of a job as a child of this process, its output appended to the job's log, and returns how it ended.
 * At the job's time limit, and when this process is asked to end, the program is asked to. One that was started ahead is
 * given the job's own arguments.
 */
export async function runProgram(
  spec: JobSpec,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  ahead?: ProgramAhead,
): Promise<JobExit> {
  let log: FileHandle;
  try {
    log = await changing(spec.log_path, () => open(spec.log_path, "a"));
  } catch (error) {
    ahead?.kill();
    return { outcome: "exited", exit_code: 126, detail: error instanceof Error ? error.message : String(error) };
  }
  try {
    const waits = ahead?.pid !== undefined && ahead.exitCode === null && ahead.signalCode === null;
    return await endOf(waits ? begun(ahead, spec, log.fd) : started(spec, argv, env, log.fd), spec);
  } finally {
    await log.close();
  }
}

function started(spec: JobSpec, argv: readonly string[], env: NodeJS.ProcessEnv, logFd: number): ChildProcess {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("empty command");
  const stdio: StdioOptions = ["ignore", logFd, logFd];
  return spawn(program, args, { cwd: spec.workdir, env, stdio });
}

function begun(child: ChildProcess, { argv, env, workdir }: JobSpec, logFd: number): ChildProcess {
  const toLog = (bytes: Buffer): void => {
    try {
      writeSync(logFd, bytes);
    } catch {
      // A full disk costs lines, not the job: whoever looks for its last one says so.
    }
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", toLog);
  const task: Task = { argv, env, workdir };
  child.stdin?.end(`${JSON.stringify(task)}\n`);
  return child;
}

function endOf(child: ChildProcess, spec: JobSpec): Promise<JobExit> {
  return new Promise((resolve) => {
    let cause: JobExit["outcome"] = "exited";
    const stop = (why: JobExit["outcome"]) => {
      cause = why;
      child.kill("SIGTERM");
    };
    process.on("SIGTERM", () => stop("killed"));
    const limit = spec.time_limit_sec;
    const timer = limit === undefined ? undefined : setTimeout(() => stop("timeout"), limit * 1000);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ outcome: "exited", exit_code: 127, detail: error.message });
    });
    // Its output, where it comes through this process, has ended by then as well.
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const outcome = cause === "exited" && signal !== null ? "killed" : cause;
      resolve({ outcome, ...defined({ exit_code: code ?? undefined, signal: signal ?? undefined }) });
    });
  });
}
