import { dirname } from "node:path";
import { identityOf, isAlive } from "../exec/identity.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { parseJson } from "../fs/json.ts";
import { readTextIfPresent } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import type { JobExit, ProcessIdentity } from "../run/job.ts";
import { waitUntil } from "../run/wait.ts";
import { handOver, type KeeperWish, spawnKeeper, startAnother } from "./ahead.ts";
import { type ClaimOptions, claimState, takeClaim } from "./claim.ts";
import { onceThereIsRoom, readExit, readTrouble, saveTrouble, workFiles } from "./work.ts";

/** What a keeper of one kind does with its piece of work. */
export type Work = ClaimOptions & {
  run(kept: Kept): Promise<void>;
};

export type Kept = {
  readonly stem: string;
  readonly env: NodeJS.ProcessEnv;
  /** What whoever started the keeper wrote for it. */
  readonly wish: unknown;
};

/** A keeper that has not begun by then is not waited for; the next call looks again. */
const beginLimitMs = 3000;

/** Whether a live process keeps the work now. */
export async function isKept(stem: string): Promise<boolean> {
  return (await claimState(stem)).state === "held";
}

/**
 * Starts the process that keeps a piece of work. It outlives this one; of several exactly one works, the others end at
 * once.
 *
 * @throws Refusal `input.write-failed`; nothing is started then.
 */
export async function startKeeper(keeper: KeeperWish): Promise<ProcessIdentity | undefined> {
  const { stem, wish } = keeper;
  await makeDirectory(dirname(stem));
  if (wish !== undefined) await writeAtomic(workFiles(stem).wish, JSON.stringify(wish));
  const given = await handOver(keeper);
  const pid = given?.pid ?? spawnKeeper(keeper).pid;
  if (keeper.ahead) startAnother(keeper);
  return given ?? (pid === undefined ? undefined : await identityOf(pid));
}

/** Starts a keeper and waits a moment until it has begun or ended, so that no second one is started meanwhile. */
export async function beginKeeper(keeper: KeeperWish): Promise<void> {
  const started = await startKeeper(keeper);
  const begun = async () =>
    (await isKept(keeper.stem)) || started === undefined || !(await isAlive(started)) || undefined;
  await waitUntil(begun, { first_ms: 20, most_ms: 20 }, { deadline: performance.now() + beginLimitMs });
}

/**
 * Sees to it that the work has a keeper.
 *
 * @throws Refusal that the last keeper gave up with, once; the next call starts another.
 */
export async function ensureKeeper(keeper: KeeperWish): Promise<void> {
  const { stem } = keeper;
  if (await isKept(stem)) return;
  const trouble = await readTrouble(stem);
  if (trouble === undefined) return await beginKeeper(keeper);
  await removeIfPresent(workFiles(stem).trouble);
  throw trouble;
}

/**
 * Where a job stands that a keeper follows elsewhere: how it ended, once that is written; until then it has a keeper.
 *
 * @throws Refusal as `ensureKeeper` does.
 */
export async function pollKept(keeper: KeeperWish): Promise<{ state: "running" } | { state: "ended"; exit: JobExit }> {
  const exit = await readExit(keeper.stem);
  if (exit) return { state: "ended", exit };
  await ensureKeeper(keeper);
  return { state: "running" };
}

/** How such a job ended after it was asked to, by a keeper that is there or begun for it; undefined when `waitSec` is over. */
export async function keptEnd(keeper: KeeperWish, waitSec: number): Promise<JobExit | undefined> {
  const { stem } = keeper;
  if (!(await isKept(stem))) await beginKeeper(keeper);
  const bounds = { deadline: performance.now() + waitSec * 1000 };
  return await waitUntil(() => readExit(stem), { first_ms: 100, most_ms: 200 }, bounds);
}

/**
 * The keeper itself: claims the work and does it. A failure ends the keeper, not the work: it is kept as the work's
 * trouble, told once, and another keeper tries again; work that starts once has no other.
 */
export async function keep(stem: string, work: Work, env: NodeJS.ProcessEnv): Promise<void> {
  const take = () => takeClaim(stem, work);
  const claim = await (work.once ? onceThereIsRoom(take) : take());
  if (claim === undefined) return;
  if (work.once) return await work.run(await keptAt(stem, env));
  try {
    await removeIfPresent(workFiles(stem).trouble);
    await work.run(await keptAt(stem, env));
  } catch (error) {
    await saveTrouble(stem, error);
  } finally {
    await claim.release();
  }
}

async function keptAt(stem: string, env: NodeJS.ProcessEnv): Promise<Kept> {
  const text = await readTextIfPresent(workFiles(stem).wish);
  return { stem, env, wish: text === undefined ? {} : parseJson(text) };
}
