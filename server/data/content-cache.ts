import type { SeenFiles } from "./kept-files.ts";
import { pausing } from "./pause.ts";
import { sketchImages } from "./process/image-batches.ts";
import type { Depth, Sketch } from "./sketch.ts";

/** Sketches of images, each made once. */
export type Contents = {
  /** A sketch of each image, or undefined for one that cannot be decoded. @throws Refusal `input.unreadable-file`. */
  sketches(files: SeenFiles, depth: Depth, signal?: AbortSignal): Promise<(Sketch | undefined)[]>;
  /** Sketches that had to be made, not found. */
  decoded(): number;
};

/** `null` stands for an image that cannot be decoded. */
type Kept = { readonly stamp: string; head?: Sketch | null; whole?: Sketch | null };

type Sketched = Map<string, Kept>;

/** What this process made, for whatever was asked: a preflight, the approval after it and the run look at the same files. */
const madeHere: Sketched = new Map();
const madeHereLimit = 300_000;

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
    async sketches({ index, images }, depth, signal) {
      const missing = new Map<number, Kept>();
      const asked: Kept[] = [];
      const pause = pausing();
      for (const image of images) {
        const path = index.pathOf(image);
        const entry = entries.get(path) ?? entryOf(memory, path, index.stampsOf([image]));
        entries.set(path, entry);
        asked.push(entry);
        if (entry[depth] === undefined) missing.set(image, entry);
        if (pause.isDue()) await pause.rest(signal);
      }
      const made = await sketchImages({ index, images: [...missing.keys()] }, depth, signal);
      for (const [at, [image, entry]] of [...missing].entries()) {
        entry[depth] = made[at] ?? null;
        if (!entry.stamp.includes("NaN")) remember(memory, index.pathOf(image), entry);
        if (pause.isDue()) await pause.rest(signal);
      }
      decoded += missing.size;
      return asked.map((entry) => entry[depth] ?? undefined);
    },
  };
}

function entryOf(memory: Sketched, path: string, numbers: Float64Array): Kept {
  const stamp = numbers.join(" ");
  const remembered = memory.get(path);
  return remembered?.stamp === stamp ? remembered : { stamp };
}

/** The oldest entries go first. */
function remember(memory: Sketched, path: string, entry: Kept): void {
  memory.delete(path);
  memory.set(path, entry);
  if (memory.size <= madeHereLimit) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}
