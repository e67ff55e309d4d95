import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { dockerEnv } from "./docker-cli.ts";

export type LogFollow = {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Ends when the command has: the container exited, the daemon went away, or `stop` was called. */
  readonly ended: Promise<void>;
  stop(): void;
};

/**
 * Streams the output of a container with the time of each line, from `since` on, until the container ends; both
 * streams apart, because their pieces can be told apart only so.
 */
export function followLogs(env: NodeJS.ProcessEnv, containerId: string, since: string | undefined): LogFollow {
  const args = ["logs", "--follow", "--timestamps", ...(since === undefined ? [] : ["--since", since]), containerId];
  const child = spawn("docker", args, { env: dockerEnv(env), stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => {
    child.on("error", () => resolve());
    child.on("close", () => resolve());
  });
  return { stdout: child.stdout, stderr: child.stderr, ended, stop: () => child.kill("SIGKILL") };
}
