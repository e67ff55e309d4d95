import { open, stat, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../errors.ts";
import { listNames, readTextIfPresent } from "./read.ts";
import { writeFailure } from "./write-failure.ts";

/** A claim that is empty for longer belongs to a process that died while it wrote it. */
const writingMs = 10_000;

type Owner = Readonly<Record<string, unknown>>;

export type Turn = { release(): Promise<void> };

/**
 * Takes the next turn at a piece of work that one process at a time may do, or returns undefined while another one has
 * it. Turns are the files `<stem>.<n>`; the highest counts, and a later turn is taken only after its owner is dead, so
 * two claimants of one dead owner's turn compete for the same new file and exactly one gets it.
 *
 * @throws Refusal `input.write-failed` when the disk takes no file.
 */
export async function takeTurn(
  stem: string,
  owner: Owner,
  isAlive: (owner: Owner) => Promise<boolean>,
): Promise<Turn | undefined> {
  const last = await lastTurn(stem);
  if (last > 0 && (await isTaken(`${stem}.${last}`, isAlive))) return undefined;
  const path = `${stem}.${last + 1}`;
  try {
    await claimAs(path, owner);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw writeFailure(path, error);
  }
  return { release: () => unlink(path).catch(() => undefined) };
}

/** Writes a claim that must not exist yet; one that a full disk leaves empty is taken back. */
async function claimAs(path: string, owner: Owner): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(JSON.stringify(owner));
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Whether a live process has the turn. */
export async function turnTaken(stem: string, isAlive: (owner: Owner) => Promise<boolean>): Promise<boolean> {
  const last = await lastTurn(stem);
  return last > 0 && (await isTaken(`${stem}.${last}`, isAlive));
}

/** Who has the turn, or undefined when nobody alive has it. */
export async function turnOwner(stem: string, isAlive: (owner: Owner) => Promise<boolean>): Promise<Owner | undefined> {
  const last = await lastTurn(stem);
  const text = last === 0 ? undefined : await readTextIfPresent(`${stem}.${last}`);
  const owner = ownerIn(text ?? "");
  return owner !== undefined && (await isAlive(owner)) ? owner : undefined;
}

/** Waits until a process that was just started has taken its turn, or `limitMs` have passed. */
export async function turnBegins(
  stem: string,
  isAlive: (owner: Owner) => Promise<boolean>,
  limitMs: number,
): Promise<void> {
  for (const deadline = performance.now() + limitMs; performance.now() < deadline; await sleep(20)) {
    if ((await lastTurn(stem)) > 0 && (await turnTaken(stem, isAlive))) return;
  }
}

/** A claim that is just being written, or was spoiled, names nobody. */
function ownerIn(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return undefined;
  }
}

async function lastTurn(stem: string): Promise<number> {
  const start = `${basename(stem)}.`;
  const names = await listNames(dirname(stem));
  const turns = names.filter((name) => name.startsWith(start)).map((name) => Number(name.slice(start.length)));
  return Math.max(0, ...turns.filter((turn) => Number.isInteger(turn)));
}

async function isTaken(path: string, isAlive: (owner: Owner) => Promise<boolean>): Promise<boolean> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return false;
  try {
    return await isAlive(JSON.parse(text));
  } catch {
    const age = await stat(path).then(
      (found) => Date.now() - found.mtimeMs,
      () => writingMs,
    );
    return age < writingMs;
  }
}
