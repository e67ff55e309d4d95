import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { open, readFile, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { lock as takeLock } from "proper-lockfile";
import { Refusal } from "../errors.ts";
import { setAside } from "./aside.ts";
import { listNames } from "./read.ts";
import { writeFailure } from "./write-failure.ts";

/** Who holds a lock, as written beside it. */
export type LockOwner = Readonly<Record<string, unknown>>;

export type LockOptions = {
  readonly owner: LockOwner;
  /** Whether a recorded owner may still run. The lock of a dead one is freed at once; others are judged by age alone. */
  isAlive(owner: LockOwner): Promise<boolean>;
  /** How long to wait for it, 15 s unless told otherwise. */
  readonly waitMs?: number;
};

/** Tells the holder whether the lock is still its own; asked right before a write that matters. */
export type LockProof = {
  assertHeld(): void;
  /** What stood in the place of the lock without being one, and where it lies now. */
  readonly mended: string | undefined;
};

/** A lock that its holder did not refresh for so long is free. A holder that goes on finds that out at its commit. */
export const staleMs = 60_000;
const refreshMs = 5_000;

// The library's exit handler ends the process on every signal that nobody else listens to. A file that outgrows its
// limit must go on to be a failed write, as Node itself has it.
process.on("SIGXFSZ", () => undefined);
/** Between making its lock and naming itself an owner spends an instant; one that takes longer died there. */
const namelessMs = 5_000;
/** A lock this young may belong to an owner that has not named itself yet, beside the record of the one before. */
const bornMs = 250;

/**
 * Tokens of the locks that this process holds now. A record with this process as its owner and another token is of a
 * lock that a failing disk did not let it release.
 */
const held = new Set<string>();

/**
 * Runs `work` while holding the lock, and releases it whatever happens.
 *
 * The lock saves work; it guarantees nothing: a holder that stalled may have lost it without knowing. What must not
 * happen twice is put in place by a compare-and-set (`linkNew`), and a wrong guess about an owner costs one refusal.
 *
 * @throws Refusal `state.locked` when an owner keeps it for `waitMs`, naming the owner.
 * `assertHeld` throws Refusal `state.lock-lost` once another process took the lock over.
 */
export async function withLock<T>(
  lockPath: string,
  options: LockOptions,
  work: (proof: LockProof) => Promise<T>,
): Promise<T> {
  const token = randomBytes(8).toString("hex");
  const lost = { is: false };
  const { release, mended } = await acquire(lockPath, options, token, () => {
    lost.is = true;
  });
  try {
    return await work({
      mended,
      assertHeld() {
        if (!lost.is && isNamed(lockPath, token)) return;
        throw new Refusal("state.lock-lost", "Another process took over the run lock.", { lock: lockPath });
      },
    });
  } finally {
    // The lock of another who took it over meanwhile is not ours to give back.
    if (((await readOwner(lockPath))?.token ?? token) === token) {
      await unlink(ownerBeside(lockPath)).catch(() => undefined);
      await release().catch(() => undefined);
    }
    held.delete(token);
  }
}

const ownerBeside = (lockPath: string) => `${lockPath}-owner`;

type Acquired = { readonly release: () => Promise<void>; readonly mended: string | undefined };

async function acquire(lockPath: string, options: LockOptions, token: string, onLost: () => void): Promise<Acquired> {
  const deadline = performance.now() + (options.waitMs ?? 15_000);
  let mended: string | undefined;
  try {
    for (;;) {
      const release = await tryLock(lockPath, onLost);
      if (release !== undefined) return { release: await named(lockPath, options.owner, token, release), mended };
      mended ??= await clearWay(lockPath);
      const freed = await freeDead(lockPath, options);
      if (!freed && performance.now() > deadline) {
        const { token: _token, ...owner } = (await readOwner(lockPath)) ?? {};
        throw new Refusal("state.locked", "The run is locked by another process.", { owner });
      }
      if (!freed) await sleep(15 + Math.random() * 35);
    }
  } catch (error) {
    throw writeFailure(lockPath, error, "Cannot lock the run");
  }
}

/** What a lock that somebody has, or that something strange stands for, ends with; the first is the library's own. */
const takenCodes = new Set<unknown>(["ELOCKED", "ENOTEMPTY", "EEXIST", "ENOTDIR"]);

async function tryLock(lockPath: string, onCompromised: () => void): Promise<(() => Promise<void>) | undefined> {
  const options = { lockfilePath: lockPath, realpath: false, stale: staleMs, update: refreshMs, onCompromised };
  try {
    return await takeLock(lockPath, options);
  } catch (error) {
    if (error instanceof Error && "code" in error && takenCodes.has(error.code)) return undefined;
    throw error;
  }
}

/** Writes who holds the lock beside it; without that record it is given back. */
async function named(lockPath: string, owner: LockOwner, token: string, release: () => Promise<void>) {
  held.add(token);
  try {
    await writeFile(ownerBeside(lockPath), JSON.stringify({ ...owner, token }));
    return release;
  } catch (error) {
    held.delete(token);
    await unlink(ownerBeside(lockPath)).catch(() => undefined);
    await release().catch(() => undefined);
    throw error;
  }
}

/** A lock is an empty directory. Anything else in its place would be waited for for ever: it is moved aside, and named. */
async function clearWay(lockPath: string): Promise<string | undefined> {
  const found = await stat(lockPath).catch(() => undefined);
  if (found === undefined) return undefined;
  const inside = found.isDirectory() ? await listNames(lockPath) : undefined;
  if (inside?.length === 0) return undefined;
  const what = inside === undefined ? "no directory" : `a directory that holds ${inside.slice(0, 3).join(", ")}`;
  const aside = await setAside(lockPath);
  return aside === undefined ? undefined : `what stood in the place of the lock, ${what}, was set aside: ${aside}`;
}

/**
 * Frees the lock of a dead owner. One process at a time may do so, and looks again once it may: whoever saw the same
 * dead owner a moment earlier must not free the lock of the next one.
 */
async function freeDead(lockPath: string, options: LockOptions): Promise<boolean> {
  const seen = await readOwner(lockPath);
  if (await mayHold(seen, lockPath, options)) return false;
  const breaker = `${lockPath}-breaking`;
  if (!(await enter(breaker))) return false;
  try {
    const now = await readOwner(lockPath);
    if (now?.token !== seen?.token || (await mayHold(now, lockPath, options))) return false;
    await unlink(ownerBeside(lockPath)).catch(() => undefined);
    return await rmdir(lockPath).then(
      () => true,
      () => false,
    );
  } finally {
    await unlink(breaker).catch(() => undefined);
  }
}

async function mayHold(owner: LockOwner | undefined, lockPath: string, options: LockOptions): Promise<boolean> {
  const age = Math.abs(await ageOf(lockPath));
  if (owner === undefined) return age < namelessMs;
  if (age < bornMs) return true;
  const { token, ...who } = owner;
  const isOurs = who.pid !== undefined && isDeepStrictEqual(who, { ...options.owner });
  return isOurs ? held.has(String(token)) : await options.isAlive(owner);
}

async function enter(breaker: string): Promise<boolean> {
  try {
    await (await open(breaker, "wx")).close();
    return true;
  } catch {
    // One that died on the way is in nobody's way for long, though the clock was put back since.
    if (Math.abs(await ageOf(breaker)) > namelessMs) await unlink(breaker).catch(() => undefined);
    return false;
  }
}

function isNamed(lockPath: string, token: string): boolean {
  try {
    return ownerIn(readFileSync(ownerBeside(lockPath), "utf8"))?.token === token;
  } catch {
    return false;
  }
}

async function readOwner(lockPath: string): Promise<LockOwner | undefined> {
  const text = await readFile(ownerBeside(lockPath), "utf8").catch(() => "");
  return ownerIn(text);
}

function ownerIn(text: string): LockOwner | undefined {
  try {
    const owner: unknown = JSON.parse(text);
    return typeof owner === "object" && owner !== null ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds since something was touched, 0 when it is gone; below 0 when the clock was put back since. */
async function ageOf(path: string): Promise<number> {
  return await stat(path).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
}
