import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { writeFailure } from "../fs/write-failure.ts";

/**
 * Starts a program that outlives this process: own session, no inherited stdio, output appended to `logPath`.
 *
 * A client that ends its server with SIGINT takes attached children along, so jobs are never attached.
 *
 * @throws Refusal `input.write-failed` when the log cannot be opened; nothing is started then.
 */
export function spawnDetached(
  argv: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; logPath: string },
): number | undefined {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("empty argv");
  const log = openLog(options.logPath);
  try {
    const stdio: ["ignore", number, number] = ["ignore", log, log];
    const child = spawn(program, args, { cwd: options.cwd, env: options.env, detached: true, stdio });
    child.on("error", () => undefined);
    child.unref();
    return child.pid;
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
