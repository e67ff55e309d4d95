import { spawn } from "node:child_process";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readAs } from "../fs/json.ts";
import { fileFacts } from "../fs/read.ts";
import { changing } from "../fs/write-failure.ts";
import { isoMicros } from "../run/clock.ts";
import { type JobExit, type JobSpec, jobRecordSchema } from "../run/job.ts";
import { identityOf } from "./identity.ts";
import { noteOutput } from "./job-output.ts";

/** Files beside a job record by which runner and executor speak; all survive both of them. */
export function runnerFiles(recordPath: string) {
  const stem = recordPath.replace(/\.json$/, "");
  return { claim: `${stem}.claim`, exit: `${stem}.exit`, cancel: `${stem}.cancel` };
}

/**
 * Runs one recorded job to its end and writes how it ended.
 *
 * The claim file is created exclusively before anything starts: of several runners of one record exactly one works,
 * so a server that crashed between recording and starting may simply start the job again. A disk that is full when the
 * job ends costs none of its work: its end is written once there is room.
 */
export async function runRecordedJob(
  recordPath: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const files = runnerFiles(recordPath);
  const { spec } = await readAs(recordPath, jobRecordSchema);
  if (!(await onceThereIsRoom(() => claim(files.claim)))) return;
  const started = new Date();
  const ended = await runLogged(spec, [...command, ...spec.argv], env);
  // A cancel signals runner and program at once, and the program's end may be heard of first.
  const cancelled = ended.outcome === "killed" && (await fileFacts(files.cancel)) !== undefined;
  const exit = cancelled ? { ...ended, outcome: "cancelled" as const } : ended;
  const times = { started_at: isoMicros(started), ended_at: isoMicros(new Date()) };
  await onceThereIsRoom(() => noteOutput(recordPath, spec, env));
  await onceThereIsRoom(() => writeAtomic(files.exit, JSON.stringify({ ...exit, ...times })));
}

async function runLogged(spec: JobSpec, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<JobExit> {
  let log: FileHandle;
  try {
    log = await changing(spec.log_path, () => open(spec.log_path, "a"));
  } catch (error) {
    return { outcome: "exited", exit_code: 126, detail: error instanceof Error ? error.message : String(error) };
  }
  try {
    return await runToEnd(spec, argv, env, log.fd);
  } finally {
    await log.close();
  }
}

const patienceMs = 24 * 3600 * 1000;

/** Repeats a write that the disk refuses, for a day at most, and not where its folder is gone. */
async function onceThereIsRoom<T>(write: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + patienceMs; ; await sleep(500)) {
    try {
      return await write();
    } catch (error) {
      const refused = error instanceof Refusal && error.facts.errno !== "ENOENT" && error.facts.errno !== "ENOTDIR";
      if (!refused || performance.now() > deadline) throw error;
    }
  }
}

function runToEnd(spec: JobSpec, argv: readonly string[], env: NodeJS.ProcessEnv, logFd: number): Promise<JobExit> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("empty command");
  return new Promise((resolve) => {
    const stdio: ["ignore", number, number] = ["ignore", logFd, logFd];
    const child = spawn(program, args, { cwd: spec.workdir, env: { ...env, ...spec.env }, stdio });
    let cause: JobExit["outcome"] = "exited";
    const stop = (why: JobExit["outcome"]) => {
      cause = why;
      child.kill("SIGTERM");
    };
    process.on("SIGTERM", () => stop("cancelled"));
    const limit = spec.time_limit_sec;
    const timer = limit === undefined ? undefined : setTimeout(() => stop("timeout"), limit * 1000);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ outcome: "exited", exit_code: 127, detail: error.message });
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      const outcome = cause === "exited" && signal !== null ? "killed" : cause;
      resolve({ outcome, ...(code === null ? {} : { exit_code: code }), ...(signal === null ? {} : { signal }) });
    });
  });
}

async function claim(path: string): Promise<boolean> {
  return await changing(path, async () => {
    let file: FileHandle;
    try {
      file = await open(path, "wx");
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    }
    try {
      await file.writeFile(JSON.stringify(await identityOf(process.pid)));
      await file.sync();
    } catch (error) {
      await unlink(path);
      throw error;
    } finally {
      await file.close();
    }
    return true;
  });
}
