import { dirname, join } from "node:path";
import { failInto, tell, told } from "../exec/ahead.ts";
import { type Detached, spawnDetached } from "../exec/detached.ts";
import { identityOf } from "../exec/identity.ts";
import type { ProcessIdentity } from "../run/job.ts";

/** What the process of a keeper is started with, whatever its work. */
type KeeperStart = {
  /** Which work it does: a name of the table in server/cli/keep.ts. */
  readonly kind: string;
  /** The bin that it is started from. */
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
};

/** A keeper that is to be started. */
export type KeeperWish = KeeperStart & {
  readonly stem: string;
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

/** The work that a keeper which waited is given, and where it may speak. */
type Told = { readonly stem: string; readonly log: string };

/** Starts the process of a keeper for its work. @throws Refusal `input.write-failed` */
export function spawnKeeper(keeper: KeeperWish): Detached {
  const { kind, main, env } = keeper;
  const { stem, log } = toldOf(keeper);
  return spawnDetached([process.execPath, main, "keep", kind, stem], { cwd: dirname(main), env, logPath: log });
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
  if (given !== undefined) tell(found, toldOf(keeper));
  return given;
}

/** Starts a keeper ahead of the next work of such a kind, which takes longer than many a job; where it cannot be, none waits. */
export function startAnother(keeper: KeeperStart): void {
  const like = likeness(keeper);
  if (waiting.has(like)) return;
  const { kind, main, env } = keeper;
  try {
    const child = spawnDetached([process.execPath, main, "keep", kind], { cwd: dirname(main), env });
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

/** The work that this process, a keeper that waits, is told; undefined when there comes none. */
export async function toldStem(): Promise<string | undefined> {
  const work = (await told()) as Told | undefined;
  if (work !== undefined) failInto(work.log);
  return work?.stem;
}

const likeness = ({ kind, main, env }: KeeperStart): string => JSON.stringify([kind, main, env]);

const toldOf = ({ stem, log }: KeeperWish): Told => ({ stem, log: log ?? join(dirname(stem), "keeper.log") });
