import { mkdir, rm, rmdir, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { errnoOf, Refusal } from "../errors.ts";
import { writeAtomic } from "./atomic.ts";
import { readTextIfPresent } from "./read.ts";

/** Where a lock lies and how its owner is told apart. */
export type LockPlace = { readonly lockPath: string; readonly ownerPath: string };

/** Who holds a lock, as written beside it. */
export type LockOwner = Readonly<Record<string, unknown>>;

export type LockOptions = {
  readonly owner: LockOwner;
  /** Whether a recorded owner still runs on this host; a dead one is broken at once instead of after `staleMs`. */
  isAlive(owner: LockOwner): Promise<boolean>;
  readonly waitMs?: number;
};

const staleMs = 10_000;
const breakerStaleMs = 5_000;

/** Tells the holder whether the lock is still its own; asked right before the write that matters. */
export type LockProof = { assertHeld(): void };

/**
 * Runs `work` while holding the lock, and releases it whatever happens.
 *
 * @throws Refusal `state.locked` when a live owner keeps it for `waitMs` (15 s), naming the owner.
 * `assertHeld` throws Refusal `state.lock-lost` once another process took the lock over.
 */
export async function withLock<T>(
  place: LockPlace,
  options: LockOptions,
  work: (proof: LockProof) => Promise<T>,
): Promise<T> {
  let lost = false;
  const release = await acquire(place, options, () => {
    lost = true;
  });
  try {
    return await work({
      assertHeld() {
        if (lost)
          throw new Refusal("state.lock-lost", "Another process took over the run lock.", { lock: place.lockPath });
      },
    });
  } finally {
    if (!lost) await release().catch(() => undefined);
  }
}

async function acquire(place: LockPlace, options: LockOptions, onLost: () => void): Promise<() => Promise<void>> {
  const deadline = Date.now() + (options.waitMs ?? 15_000);
  for (;;) {
    try {
      const release = await lockfile.lock(place.lockPath, {
        lockfilePath: place.lockPath,
        realpath: false,
        stale: staleMs,
        update: 2_000,
        onCompromised: onLost,
      });
      await writeAtomic(place.ownerPath, JSON.stringify(options.owner));
      return release;
    } catch (error) {
      if (!isHeld(error)) throw writeProblem(place, error);
    }
    const broken = await breakDead(place, options);
    if (!broken && Date.now() > deadline) {
      throw new Refusal("state.locked", "The run is locked by another process.", { owner: await readOwner(place) });
    }
    if (!broken) await sleep(15 + Math.random() * 35);
  }
}

/** proper-lockfile's own error, not the system's. */
function isHeld(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ELOCKED";
}

/**
 * Removes the lock of a dead owner. Only one process at a time may do so, and it deletes the owner record first, so
 * that a second breaker that read the same record cannot remove the lock of the next, living owner.
 */
async function breakDead(place: LockPlace, options: LockOptions): Promise<boolean> {
  const owner = await readOwner(place);
  if (owner === undefined || (await options.isAlive(owner))) return false;
  const breaker = `${place.lockPath}-breaking`;
  if (!(await enter(breaker))) return false;
  try {
    const again = await readOwner(place);
    if (again === undefined || JSON.stringify(again) !== JSON.stringify(owner)) return false;
    await rm(place.ownerPath, { force: true });
    await rmdir(place.lockPath).catch(() => undefined);
    return true;
  } finally {
    await rmdir(breaker).catch(() => undefined);
  }
}

async function enter(breaker: string): Promise<boolean> {
  try {
    await mkdir(breaker);
    return true;
  } catch {
    const age = await stat(breaker).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    if (age > breakerStaleMs) await rmdir(breaker).catch(() => undefined);
    return false;
  }
}

async function readOwner(place: LockPlace): Promise<LockOwner | undefined> {
  const text = await readTextIfPresent(place.ownerPath);
  if (text === undefined) return undefined;
  try {
    const owner: unknown = JSON.parse(text);
    return typeof owner === "object" && owner !== null ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}

function writeProblem(place: LockPlace, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof Refusal) return error;
  return new Refusal(
    "input.write-failed",
    `Cannot lock the run: ${errno}.`,
    { lock: place.lockPath, errno },
    { cause: error },
  );
}
