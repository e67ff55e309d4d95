import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { errnoOf } from "../../errors.ts";
import { changing } from "../../fs/write-failure.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** How one run of the `osmo` executable ended. Its human errors are on stdout. */
export type OsmoRun = {
  readonly outcome: "exited" | "missing" | "timeout" | "stopped";
  readonly exit_code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

export type OsmoRunOptions = {
  readonly env: Env;
  readonly timeout_ms: number;
  readonly signal?: AbortSignal | undefined;
};

/** Runs one command line of the OSMO CLI; never throws for what the CLI does. */
export type RunOsmo = (argv: readonly string[], options: OsmoRunOptions) => Promise<OsmoRun>;

const most = 32 * 1024 * 1024;

/**
 * Runs `osmo` (or DEFT_OSMO_BIN) with an argv array and no shell; never throws for what the program does.
 *
 * At the time limit or on abort it gets SIGINT, which lets it flush what it read, and SIGKILL five seconds later.
 */
export async function runOsmo(argv: readonly string[], options: OsmoRunOptions): Promise<OsmoRun> {
  const limit = AbortSignal.timeout(options.timeout_ms);
  const result = await execa(options.env.DEFT_OSMO_BIN ?? "osmo", argv, {
    reject: false,
    stdin: "ignore",
    env: { ...options.env, PYTHONUNBUFFERED: "1" },
    extendEnv: false,
    cancelSignal: options.signal ? AbortSignal.any([options.signal, limit]) : limit,
    killSignal: "SIGINT",
    forceKillAfterDelay: 5000,
    maxBuffer: most,
    stripFinalNewline: false,
  });
  const text = (part: unknown) => (typeof part === "string" ? part : "");
  const missing =
    result.exitCode === undefined &&
    !result.isCanceled &&
    ["ENOENT", "EACCES"].includes(errnoOf(result.cause ?? result) ?? "");
  const stopped = limit.aborted ? "timeout" : "stopped";
  return {
    outcome: missing ? "missing" : result.isCanceled ? stopped : "exited",
    exit_code: result.exitCode,
    stdout: text(result.stdout),
    stderr: text(result.stderr),
  };
}

/**
 * Lends a file with mode 0600 that holds a secret, for `--payload-file`; it is gone when `use` returns.
 *
 * @throws Refusal `input.write-failed` when `folder`, that for temporary files, takes no file.
 */
export async function withSecretFile<T>(
  secret: string,
  use: (path: string) => Promise<T>,
  folder = tmpdir(),
): Promise<T> {
  const dir = await changing(folder, () => mkdtemp(join(folder, "deft-osmo-")));
  try {
    const path = join(dir, "payload");
    await changing(path, () => writeFile(path, secret, { mode: 0o600 }));
    return await use(path);
  } finally {
    await changing(dir, () => rm(dir, { recursive: true, force: true }));
  }
}
