import { dirname, join } from "node:path";
import { tell } from "../exec/ahead.ts";
import { type Detached, spawnDetached } from "../exec/detached.ts";
import { identityOf } from "../exec/identity.ts";
import type { ProcessIdentity } from "../run/job.ts";

/** A keeper that is to be started. */
export type KeeperWish = {
  /** Which work it does: a name of the table in server/cli/keep.ts. */
  readonly kind: string;
  readonly stem: string;
  /** The bin that it is started from. */
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
  readonly wish?: object;
  /** Where it may speak; without it `keeper.log` beside the stem. */
  readonly log?: string;
  /** More of its kind will be asked for soon, so that one is started ahead of the next. */
  readonly ahead?: boolean;
};

/** A keeper that nobody asked for by then ends: the next one is started when it is wanted. */
const waitMs = 60_000;

/** Keepers that wait for their work, by what they were started with. */
const waiting = new Map<string, Detached>();

/** Starts the process of a keeper; without a stem it waits to be told one. */
export function spawnKeeper(keeper: KeeperWish, stem?: string): Detached {
  const { kind, main, env } = keeper;
  const argv = [process.execPath, main, "keep", kind, ...(stem === undefined ? [] : [stem])];
  const stdin = stem === undefined ? "pipe" : "ignore";
  return spawnDetached(argv, { cwd: dirname(main), env, logPath: logOf(keeper), stdin });
}

/**
 * Gives the work to the keeper that was started ahead for such work, and returns which process that is; undefined where
 * none waits. It does one piece of work, ever, and is nobody's before: it has no claim, and ends with this process.
 */
export async function handOver(keeper: KeeperWish): Promise<ProcessIdentity | undefined> {
  const found = waiting.get(likeness(keeper));
  if (found?.pid === undefined) return undefined;
  waiting.delete(likeness(keeper));
  // One that died just now has not been heard of.
  const given = await identityOf(found.pid);
  if (given !== undefined) tell(found, keeper.stem);
  return given;
}

/** Starts a keeper ahead of the next work of such a kind, which takes longer than many a job; where it cannot be, none waits. */
export function startAnother(keeper: KeeperWish): void {
  const like = likeness(keeper);
  if (waiting.has(like)) return;
  try {
    const child = spawnKeeper(keeper);
    waiting.set(like, child);
    const forget = () => {
      if (waiting.get(like) !== child) return;
      waiting.delete(like);
      child.stdin?.end();
    };
    child.on("exit", forget).on("error", forget);
    setTimeout(forget, waitMs).unref();
  } catch {
    // The work that comes next starts its own, or says why not.
  }
}

function likeness(keeper: KeeperWish): string {
  const { kind, main, env } = keeper;
  return JSON.stringify([kind, main, env, logOf(keeper)]);
}

function logOf({ log, stem }: KeeperWish): string {
  return log ?? join(dirname(stem), "keeper.log");
}
