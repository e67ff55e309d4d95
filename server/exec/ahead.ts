import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, openSync, statSync, writeSync } from "node:fs";
import { text } from "node:stream/consumers";
import { parseJson } from "../fs/json.ts";
import type { JobSpec } from "../run/job.ts";
import { type Start, startAnew } from "./program.ts";

/** What a program that was started ahead of its job is told. */
type LateJob = Pick<JobSpec, "workdir" | "log_path" | "argv"> & { readonly env: NodeJS.ProcessEnv };

/** Tells a process that was started ahead what it is to do, once. */
export function tell(child: ChildProcess, what: unknown): void {
  child.stdin?.end(`${JSON.stringify(what)}\n`);
}

/** What this process is told; undefined once nobody can tell it any more. */
export async function told(): Promise<unknown> {
  const line = await text(process.stdin);
  // Whoever dies while it writes has told nothing.
  return line.endsWith("\n") ? parseJson(line) : undefined;
}

/** Appends what this process fails with, and nobody catches, to a log: as its output would be, had it had the log from the start. */
export function failInto(log: string): void {
  process.on("uncaughtExceptionMonitor", (error) => appendFileSync(log, `${error.stack}\n`));
}

/**
 * Makes this process, which was started ahead, that of the job it is told: its environment, its folder, and the log that
 * it is to write to. Undefined where it is told none.
 */
export async function becomeJob() {
  const job = (await told()) as LateJob | undefined;
  if (job === undefined) return undefined;
  Object.assign(process.env, job.env);
  process.chdir(job.workdir);
  const fd = openSync(job.log_path, "a");
  return { argv: [...job.argv], log: { write: (text: string) => writeSync(fd, text) } };
}

/**
 * Starts a program of ours by its first words and `-` before its job is known, and returns what starts a job of it: the
 * first one is told to the program that waits. That opens the log of its job itself; what it prints beside that, as when
 * it crashes, is appended.
 */
export function startAhead(words: readonly string[], env: NodeJS.ProcessEnv): Start {
  const [program = "", ...args] = words;
  const child = spawn(program, [...args, "-"], { env, stdio: "pipe" });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  let waits = true;
  child.on("exit", () => {
    waits = false;
  });
  return (spec, argv, jobEnv, logFd) => {
    const { workdir, log_path } = spec;
    if (!waits || child.pid === undefined || statSync(workdir, { throwIfNoEntry: false })?.isDirectory() !== true) {
      return startAnew(spec, argv, jobEnv, logFd);
    }
    waits = false;
    const append = (piece: Buffer) => {
      try {
        appendFileSync(logFd, piece);
      } catch {
        // Without room for its last words the end of the job counts all the same.
      }
    };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", append);
    const late: LateJob = { argv: argv.slice(words.length), workdir, log_path, env: jobEnv };
    tell(child, late);
    return child;
  };
}
