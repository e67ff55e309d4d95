import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { writeFailure } from "../fs/write-failure.ts";

type Detached = { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly logPath: string };

/**
 * Starts a program that outlives this process: own session, no inherited stdio, output appended to `logPath`.
 *
 * A client that ends its server with SIGINT takes attached children along, so jobs are never attached.
 *
 * @throws Refusal `input.write-failed` when the log cannot be opened; nothing is started then.
 */
export function spawnDetached(argv: readonly string[], options: Detached): number | undefined {
  return detached(argv, options, "ignore").pid;
}

/** A detached program that waits for a line on its standard input, and ends without one when this process does. */
export type Waiting = {
  readonly pid: number | undefined;
  isThere(): boolean;
  /** Gives it the line; from then on it needs this process no more. */
  begin(line: string): Promise<void>;
  dismiss(): void;
};

/** Starts a program like `spawnDetached` that is to wait. @throws Refusal `input.write-failed` as that does. */
export function spawnWaiting(argv: readonly string[], options: Detached): Waiting {
  const child = detached(argv, options, "pipe");
  const { stdin, pid } = child;
  stdin?.on("error", () => undefined);
  // A pipe that is open would keep this process from ending.
  if (stdin !== null && "unref" in stdin) (stdin as unknown as { unref(): void }).unref();
  return {
    pid,
    isThere: () => pid !== undefined && child.exitCode === null && child.signalCode === null,
    begin: (line) => new Promise((resolve) => stdin?.end(`${line}\n`, resolve)),
    dismiss: () => void stdin?.end(),
  };
}

function detached(argv: readonly string[], options: Detached, stdin: "ignore" | "pipe"): ChildProcess {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("empty argv");
  const log = openLog(options.logPath);
  try {
    const stdio: StdioOptions = [stdin, log, log];
    const child = spawn(program, args, { cwd: options.cwd, env: options.env, detached: true, stdio });
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Signals a whole process group; one that is gone is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: the group ended on its own.
  }
}
