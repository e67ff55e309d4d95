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
type Made = Sketch | null;
type Remembered = { readonly stamp: string } & { [D in Depth]?: Made };
type Memory = Map<string, Remembered>;

/** What this process made, for whatever was asked: a preflight, the approval after it and the run look at the same files. */
const madeHere: Memory = new Map();
const madeHereLimit = 300_000;

/**
 * Contents with the memory of this process, and what is kept of the workspace under a seal (`kept-images.ts`): what decides
 * about a leak is never read from a file that somebody else may write. An entry counts only for a file of the same size,
 * times and inode.
 */
export function openContents(memory: Memory = madeHere): Contents {
  let decoded = 0;
  /** Each file of an index is looked at once, however often it is asked for; there may be a million. */
  const known = new WeakMap<SeenFiles["index"], Readonly<Record<Depth, Map<number, Made>>>>();
  return {
    decoded: () => decoded,
    async sketches({ index, images }, depth, signal) {
      const ofIndex = known.get(index) ?? { head: new Map(), whole: new Map() };
      known.set(index, ofIndex);
      const here = ofIndex[depth];
      const missing = new Set<number>();
      const pause = pausing();
      for (const image of images) {
        if (here.has(image)) continue;
        const remembered = memory.get(index.pathOf(image));
        const isSame = remembered !== undefined && remembered.stamp === stampText(index, image);
        const made = isSame ? remembered[depth] : undefined;
        if (made === undefined) missing.add(image);
        else here.set(image, made);
        if (pause.isDue()) await pause.rest(signal);
      }
      const made = await sketchImages({ index, images: [...missing] }, depth, signal);
      for (const [at, image] of [...missing].entries()) {
        const sketch = made[at] ?? null;
        here.set(image, sketch);
        remember(memory, index.pathOf(image), stampText(index, image), { [depth]: sketch });
        if (pause.isDue()) await pause.rest(signal);
      }
      decoded += missing.size;
      return images.map((image) => here.get(image) ?? undefined);
    },
  };
}

function stampText(index: SeenFiles["index"], image: number): string {
  return index.stampsOf([image]).join(" ");
}

/** The oldest entries go first; a file without a stamp that tells it from another has none. */
function remember(memory: Memory, path: string, stamp: string, made: Omit<Remembered, "stamp">): void {
  if (stamp.includes("NaN")) return;
  const before = memory.get(path);
  memory.delete(path);
  memory.set(path, { ...(before?.stamp === stamp ? before : { stamp }), ...made });
  if (memory.size <= madeHereLimit) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}
