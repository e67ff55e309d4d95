import { resolve } from "node:path";
import type { Env } from "../server/run/env.ts";

/** What an entry point may touch of the process that runs it. */
export type EngineIo = {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  env: Env;
  cwd: string;
  /** Turns a path as a container sees it into a real one; absent when paths are real already. */
  mapPath?: ((path: string) => string) | undefined;
  /** Time for logs and status lines; the system clock when absent. */
  now?: (() => Date) | undefined;
};

/** The real absolute path of a path given in a spec or an argument. */
export function realPath(io: EngineIo, path: string): string {
  return resolve(io.cwd, io.mapPath?.(path) ?? path);
}

/** The current time of this run. */
export function timeOf(io: EngineIo): Date {
  return io.now?.() ?? new Date();
}

/** Writes one log line in the form of the TAO Toolkit logger. */
export function logLine(io: EngineIo, level: "INFO" | "WARNING" | "ERROR", text: string): void {
  const at = timeOf(io).toISOString().replace("T", " ").replace(".", ",").replace("Z", "");
  io.stderr.write(`${at} - [TAO Toolkit] - ${level} - ${text}\n`);
}
