import { setImmediate } from "node:timers/promises";
import { stampOf, toldBy } from "../fs/stamp.ts";
import { isSettled } from "./kept-images.ts";
import { sketchImages } from "./process/image-batches.ts";
import type { Depth, Sketch } from "./sketch.ts";

/** Sketches of images, each made once. */
export type Contents = {
  /** A sketch of each image, or undefined for one that cannot be decoded. @throws Refusal `input.unreadable-file`. */
  sketches(paths: readonly string[], depth: Depth, signal?: AbortSignal): Promise<(Sketch | undefined)[]>;
  /** Sketches that had to be made, not found. */
  decoded(): number;
};

/** `null` stands for an image that cannot be decoded. */
type Kept = { readonly stamp: string; readonly settled: boolean; head?: Sketch | null; whole?: Sketch | null };

type Sketched = Map<string, Kept>;

/** What this process made, for whatever was asked: a preflight, the approval after it and the run look at the same files. */
const madeHere: Sketched = new Map();
const madeHereLimit = 300_000;

/** Images between two pauses: the server goes on answering. */
const sliceSize = 500;

/**
 * Contents with the memory of this process, and what is kept of the workspace under a seal (`kept-images.ts`): what decides
 * about a leak is never read from a file that somebody else may write. An entry counts only for a file of the same size,
 * times and inode.
 */
export function openContents(memory: Sketched = madeHere): Contents {
  let decoded = 0;
  /** Each file is looked at once, however often it is asked for. */
  const entries = new Map<string, Kept>();
  return {
    decoded: () => decoded,
    async sketches(paths, depth, signal) {
      const missing = new Map<string, Kept>();
      await inSlices(paths, (path) => {
        const entry = entries.get(path) ?? entryOf(memory, path);
        entries.set(path, entry);
        if (entry[depth] === undefined) missing.set(path, entry);
      });
      const made = await sketchImages([...missing.keys()], depth, signal);
      for (const [at, [path, entry]] of [...missing].entries()) {
        entry[depth] = made[at] ?? null;
        if (entry.settled) remember(memory, path, entry);
      }
      decoded += missing.size;
      return paths.map((path) => entries.get(path)?.[depth] ?? undefined);
    },
  };
}

function entryOf(memory: Sketched, path: string): Kept {
  const stamp = stampOf(path);
  const remembered = memory.get(path);
  return remembered?.stamp === stamp ? remembered : { stamp, settled: isSettled(toldBy(stamp).changed_ms) };
}

/** The oldest entries go first. */
function remember(memory: Sketched, path: string, entry: Kept): void {
  memory.delete(path);
  memory.set(path, entry);
  if (memory.size <= madeHereLimit) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}

async function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (let at = 0; at < items.length; at++) {
    work(items[at] as T);
    if (at % sliceSize === sliceSize - 1) await setImmediate();
  }
}
