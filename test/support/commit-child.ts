import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";

const run = promisify(execFile);
const writers = ["atomic.ts", "compare-and-set.ts", "remove.ts"].map((name) =>
  join(process.cwd(), "server", "fs", name),
);
const [disk = "", noLock = ""] = ["disk.ts", "no-lock.ts"].map((name) =>
  join(process.cwd(), "test/fixtures/kill", name),
);

/** Bundles the program that makes one commit, with a disk beneath it that can kill it, and a lock unless told otherwise. */
export async function buildCommitChild(folder: string, { locks = true } = {}): Promise<string> {
  const outfile = join(folder, `commit-child${locks ? "" : "-unlocked"}.mjs`);
  await build({
    entryPoints: [join(process.cwd(), "test", "fixtures", "kill", "commit-child.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    plugins: [
      {
        name: "a deadly disk",
        setup: ({ onResolve }) => {
          onResolve({ filter: /\/fs\/lock\.ts$/ }, () => (locks ? undefined : { path: noLock }));
          onResolve({ filter: /^node:fs\/promises$/ }, ({ importer }) =>
            writers.includes(importer) ? { path: disk } : undefined,
          );
        },
      },
    ],
  });
  return outfile;
}

export type Refused = {
  readonly code: string;
  readonly message: string;
  readonly facts: Record<string, unknown>;
  readonly remedy: string;
};
/** `lost`: how often `many` was refused because another one went on. */
type Tried = { readonly touches: number; readonly lost: number; readonly refused?: Refused };
type Trouble = { readonly env?: Record<string, string>; readonly uid?: number };

/** Tries one commit, on a disk that fails where `env` says so, or as another user; reports how it ended. */
export async function tryCommit(child: string, args: readonly string[], trouble: Trouble = {}): Promise<Tried> {
  const env = { ...process.env, ...trouble.env };
  const user = trouble.uid === undefined ? {} : { uid: trouble.uid, gid: trouble.uid, cwd: "/" };
  return JSON.parse((await run(process.execPath, [child, ...args], { env, ...user })).stdout);
}

/** Runs one commit to its end and returns how often it touched the disk, or undefined when it was killed. */
export async function commitIn(child: string, args: readonly string[], killAt = 0): Promise<number | undefined> {
  try {
    const { touches, refused } = await tryCommit(child, args, { env: { DEFT_KILL_AT: String(killAt) } });
    if (refused !== undefined) throw new Error(`the commit was refused: ${refused.message}`);
    return touches;
  } catch (error) {
    if (typeof error === "object" && error !== null && "signal" in error && error.signal === "SIGKILL")
      return undefined;
    throw error;
  }
}
