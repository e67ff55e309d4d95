import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { excerpt, Refusal } from "../../errors.ts";

export type DockerAnswer = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** The Docker command line as this server uses it: argv arrays, no shell, no terminal. */
export type Docker = {
  /**
   * Runs one docker command and returns how it ended.
   *
   * @throws Refusal `executor.unavailable` when the command is missing, the daemon does not answer, or its socket is
   * denied; every other failure is in the answer.
   */
  run(args: readonly string[], options?: DockerOptions): Promise<DockerAnswer>;
};

export type DockerOptions = {
  readonly timeoutSec?: number;
  /** What the command reads on stdin, e.g. a password; it is in no argv. */
  readonly input?: string;
  /** Variables that `--env NAME` passes on; they are in no argv. */
  readonly secrets?: Readonly<Record<string, string | undefined>>;
};

const defaultTimeoutSec = 60;

/** What the command itself needs; nothing else of the server's environment reaches it. */
const ownVariables =
  /^(?:PATH|HOME|TMPDIR|DOCKER_.*|XDG_.*|SSH_AUTH_SOCK|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy)$/;

/** The environment of a docker command: its own variables and the secrets that it passes on by name. */
function dockerEnv(env: NodeJS.ProcessEnv, secrets: DockerOptions["secrets"] = {}): NodeJS.ProcessEnv {
  const own = Object.entries(env).filter(([name]) => ownVariables.test(name));
  // Answers are told apart by their English text.
  return { ...Object.fromEntries(own), ...secrets, LC_ALL: "C" };
}

/** The docker command that `env` finds, speaking to the daemon that `env` names. */
export function dockerCli(env: NodeJS.ProcessEnv): Docker {
  return {
    async run(args, options = {}) {
      const { execa } = await import("execa");
      const ended = await execa("docker", args, {
        reject: false,
        ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
        env: dockerEnv(env, options.secrets),
        extendEnv: false,
        timeout: (options.timeoutSec ?? defaultTimeoutSec) * 1000,
        maxBuffer: 16 << 20,
      });
      const what = `docker ${args[0] ?? ""}`;
      if (ended.timedOut) {
        throw new Refusal("executor.unavailable", `${what} did not answer in time.`, { cause: "daemon-slow" });
      }
      const stderr = String(ended.stderr ?? "");
      if (ended.exitCode === undefined) throw noCommand(ended.code, ended.originalMessage ?? "");
      refuseWithoutDaemon(stderr);
      return { code: ended.exitCode, stdout: String(ended.stdout ?? ""), stderr };
    },
  };
}

function noCommand(code: string | undefined, message: string): Refusal {
  const cause = code === "ENOENT" ? "docker-missing" : "docker-failed";
  const text =
    code === "ENOENT"
      ? "The docker command is not installed: install Docker, or correct PATH."
      : "The docker command cannot be run: see why it fails in a shell.";
  return new Refusal("executor.unavailable", text, { cause, reason: excerpt(message) });
}

/** What to do about another program behind the docker command; its answers and its GPU flags are its own. */
export const podmanText =
  "This is podman behind the docker command: install Docker Engine, or set DOCKER_HOST to a Docker daemon and put its client first in PATH.";

const noDaemon: readonly (readonly [RegExp, string, string])[] = [
  [/emulate docker cli using podman/i, "podman", podmanText],
  [
    /permission denied while trying to connect/i,
    "socket-denied",
    "This user may not use the Docker socket: join the docker group, or use rootless Docker.",
  ],
  [
    /cannot connect to the docker daemon|error during connect|is the docker daemon running|failed to connect to the docker api/i,
    "daemon-down",
    "The Docker daemon does not answer: start it, or correct DOCKER_HOST.",
  ],
];

function refuseWithoutDaemon(stderr: string): void {
  for (const [symptom, cause, text] of noDaemon) {
    if (symptom.test(stderr)) {
      throw new Refusal("executor.unavailable", text, { cause, docker: excerpt(stderr.trim(), 300) });
    }
  }
}

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

export type SshHost = { readonly user: string | undefined; readonly host: string; readonly port: string | undefined };

/**
 * Runs a command on the host of the daemon, by the ssh that Docker's own client uses: nobody is asked for a password. The
 * text is a shell line there, so nothing of it may come from data unchecked.
 */
export async function sshCommand(host: SshHost, env: NodeJS.ProcessEnv, text: string): Promise<DockerAnswer> {
  const { execa } = await import("execa");
  const login = [...(host.user ? ["-l", host.user] : []), ...(host.port ? ["-p", host.port] : [])];
  const args = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-T", ...login, "--", host.host, text];
  const limits = { timeout: 30_000, maxBuffer: 1 << 20 };
  const ended = await execa("ssh", args, {
    reject: false,
    stdin: "ignore",
    env: dockerEnv(env),
    extendEnv: false,
    ...limits,
  });
  const stderr = ended.timedOut ? "no answer in time" : String(ended.stderr ?? ended.originalMessage ?? "");
  return { code: ended.exitCode ?? 255, stdout: String(ended.stdout ?? ""), stderr };
}
