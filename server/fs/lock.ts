import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { errnoOf, Refusal } from "../errors.ts";
import { writeFailure } from "./write-failure.ts";

/** Who holds a lock, as written inside it. */
export type LockOwner = Readonly<Record<string, unknown>>;

export type LockOptions = {
  readonly owner: LockOwner;
  /**
   * Whether a recorded owner still runs; a dead one is broken at once. `silentMs` is how long ago it last showed that
   * it lives, which is all there is to judge an owner on another host by.
   */
  isAlive(owner: LockOwner, silentMs: number): Promise<boolean>;
  readonly waitMs?: number;
};

/** Tells the holder whether the lock is still its own; asked right before the write that matters. */
export type LockProof = { assertHeld(): void };

const beatMs = 2_000;
const breakerStaleMs = 5_000;
const leftoverMs = 60_000;

/**
 * Tokens of the locks that this process holds or waits for now. A lock with this process as its owner and another token
 * is one that a failing disk did not let it release.
 */
const held = new Set<string>();

/**
 * Runs `work` while holding the lock, and releases it whatever happens.
 *
 * The lock is a directory that appears with its owner record inside, by one rename: there is no instant at which it is
 * held by nobody one could name, so no waiter mistakes the next owner for the last one.
 *
 * @throws Refusal `state.locked` when a live owner keeps it for `waitMs` (15 s), naming the owner.
 * `assertHeld` throws Refusal `state.lock-lost` once another process took the lock over.
 */
export async function withLock<T>(
  lockPath: string,
  options: LockOptions,
  work: (proof: LockProof) => Promise<T>,
): Promise<T> {
  const token = randomBytes(8).toString("hex");
  await acquire(lockPath, options, token);
  const beat = setInterval(() => void showLife(lockPath), beatMs);
  beat.unref();
  try {
    return await work({
      assertHeld() {
        if (holds(lockPath, token)) return;
        throw new Refusal("state.lock-lost", "Another process took over the run lock.", { lock: lockPath });
      },
    });
  } finally {
    clearInterval(beat);
    if (holds(lockPath, token)) await remove(lockPath, token).catch(() => undefined);
    held.delete(token);
  }
}

const ownerIn = (lock: string) => join(lock, "owner.json");

async function acquire(lockPath: string, options: LockOptions, token: string): Promise<void> {
  const deadline = performance.now() + (options.waitMs ?? 15_000);
  const own = `${lockPath}-${token}`;
  try {
    await mkdir(own);
    await writeFile(ownerIn(own), JSON.stringify({ ...options.owner, token }));
    held.add(token);
    for (;;) {
      if (await tryRename(own, lockPath)) break;
      const broken = await breakDead(lockPath, options, token);
      if (!broken && performance.now() > deadline) {
        const { token: _token, ...owner } = (await readOwner(lockPath)) ?? {};
        throw new Refusal("state.locked", "The run is locked by another process.", { owner });
      }
      if (!broken) await sleep(15 + Math.random() * 35);
    }
  } catch (error) {
    held.delete(token);
    await rm(own, { recursive: true, force: true }).catch(() => undefined);
    throw writeFailure(lockPath, error, "Cannot lock the run");
  }
  await clearLeftovers(lockPath, options);
}

/** What a rename onto a directory that holds something ends with; Windows says EPERM. */
const heldErrnos = new Set(process.platform === "win32" ? ["EPERM", "EEXIST"] : ["ENOTEMPTY", "EEXIST"]);

/** A directory never replaces one that holds an owner: the system refuses, and that is the lock. */
async function tryRename(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (heldErrnos.has(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

/** Moves the lock of a dead owner away. One process at a time may do so; what it moved is checked once more. */
async function breakDead(lockPath: string, options: LockOptions, token: string): Promise<boolean> {
  const owner = await readOwner(lockPath);
  if (owner === undefined || (await stillHolds(owner, lockPath, options))) return false;
  const breaker = `${lockPath}-breaking`;
  if (!(await enter(breaker))) return false;
  try {
    const again = await readOwner(lockPath);
    if (again === undefined || again.token !== owner.token) return false;
    await remove(lockPath, token);
    return true;
  } finally {
    await rmdir(breaker).catch(() => undefined);
  }
}

async function stillHolds(owner: LockOwner, lockPath: string, options: LockOptions): Promise<boolean> {
  const { token, ...who } = owner;
  const isOurs = who.pid !== undefined && isDeepStrictEqual(who, { ...options.owner });
  return isOurs ? held.has(String(token)) : await options.isAlive(owner, await ageOf(ownerIn(lockPath)));
}

/** Takes the lock out of the way by a rename, then deletes it, so that it never stands there half deleted. */
async function remove(lockPath: string, token: string): Promise<void> {
  const gone = `${lockPath}-${token}-gone`;
  await rename(lockPath, gone);
  await rm(gone, { recursive: true, force: true });
}

async function enter(breaker: string): Promise<boolean> {
  try {
    await mkdir(breaker);
    return true;
  } catch {
    if (isOlder(await ageOf(breaker), breakerStaleMs)) await rmdir(breaker).catch(() => undefined);
    return false;
  }
}

/** Directories of processes that died while they waited, released or broke a lock; a working breaker is younger. */
async function clearLeftovers(lockPath: string, options: LockOptions): Promise<void> {
  const names = await readdir(dirname(lockPath)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(`${basename(lockPath)}-`)) continue;
    const path = join(dirname(lockPath), name);
    if (!isOlder(await ageOf(path), leftoverMs)) continue;
    const owner = await readOwner(path);
    const waits = owner !== undefined && (await stillHolds(owner, path, options));
    if (!waits) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function holds(lockPath: string, token: string): boolean {
  try {
    const owner: unknown = JSON.parse(readFileSync(ownerIn(lockPath), "utf8"));
    return typeof owner === "object" && owner !== null && "token" in owner && owner.token === token;
  } catch {
    return false;
  }
}

async function showLife(lockPath: string): Promise<void> {
  const now = new Date();
  await utimes(ownerIn(lockPath), now, now).catch(() => undefined);
}

/** Milliseconds since something was touched, 0 when it is gone; below 0 when the clock was put back since. */
async function ageOf(path: string): Promise<number> {
  return await stat(path).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
}

/** What a dead process left would stay for as long as the clock went back, if a time ahead of it counted as young. */
function isOlder(ageMs: number, limitMs: number): boolean {
  return Math.abs(ageMs) > limitMs;
}

async function readOwner(lockPath: string): Promise<LockOwner | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(ownerIn(lockPath), "utf8"));
    return typeof owner === "object" && owner !== null ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}
