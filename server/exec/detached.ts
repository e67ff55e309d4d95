import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { writeFailure } from "../fs/write-failure.ts";

/** A program that outlives this process. */
export type Detached = ChildProcess;

/**
 * Starts a program that outlives this process: own session, no inherited stdio, output appended to `logPath`. One without
 * is to be told what to do: its input is a pipe that ends with this process, and it holds no file open meanwhile.
 *
 * A client that ends its server with SIGINT takes attached children along, so jobs are never attached.
 *
 * @throws Refusal `input.write-failed` when the log cannot be opened; nothing is started then.
 */
export function spawnDetached(
  argv: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; logPath?: string | undefined },
): Detached {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("empty argv");
  const { cwd, env, logPath } = options;
  const log = logPath === undefined ? undefined : openLog(logPath);
  try {
    const stdio: StdioOptions = log === undefined ? ["pipe", "ignore", "ignore"] : ["ignore", log, log];
    const child: Detached = spawn(program, args, { cwd, env, detached: true, stdio });
    child.on("error", () => undefined);
    child.unref();
    child.stdin?.on("error", () => undefined);
    (child.stdin as Socket | null)?.unref();
    return child;
  } finally {
    if (log !== undefined) closeSync(log);
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
