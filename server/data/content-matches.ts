import { setImmediate } from "node:timers/promises";
import type { Contents } from "./content-cache.ts";
import type { ImageIndex } from "./image-index.ts";
import { compareImages, digestFiles } from "./process/image-batches.ts";
import type { Comparison } from "./process/image-work.ts";
import type { RowImages } from "./row-images.ts";
import type { Depth, Sketch } from "./sketch.ts";
import { type Candidates, sketchIndex } from "./sketch-index.ts";

/** A held-out image, by number, and how alike an image of the training side is to it. */
export type Match = { readonly held: number; readonly likeness: "copy" | "near" };

export type ContentMatches = {
  /** By number of the training side's image. */
  readonly matches: ReadonlyMap<number, Match>;
  /** Images of either side that nothing here decodes: they were compared byte for byte only. */
  readonly undecoded: number;
};

/** Longest piece of work between two pauses: the server goes on answering. */
const sliceMs = 10;

/**
 * Finds images of the training side that show what an inspected image of the held-out side shows.
 *
 * The first rows of every image are sketched; only images that look alike there are sketched whole, and only those that
 * still look alike are compared pixel by pixel. No step rules out a copy, and no number of alike images is too large.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function contentMatches(
  training: RowImages,
  held: RowImages,
  index: ImageIndex,
  contents: Contents,
  signal?: AbortSignal,
): Promise<ContentMatches> {
  const right = imagesOf(index, held.input);
  const files = new Set(right);
  const left = imagesOf(index, training.input, training.golden).filter((image) => !files.has(image));
  const sketch = (images: readonly number[], depth: Depth) => sketched(images, depth, index, contents, signal);

  const [leftHeads, rightHeads] = [await sketch(left, "head"), await sketch(right, "head")];
  const first = await candidates("head", leftHeads, rightHeads, signal);
  const likely = new Set([...first.values()].flatMap(({ copies, near }) => [...copies, ...near]));
  const [leftWhole, rightWhole] = [await sketch([...first.keys()], "whole"), await sketch([...likely], "whole")];
  const second = await candidates("whole", leftWhole, rightWhole, signal);

  const matches = await comparedPixels(second, index, signal);
  const [plainLeft, plainRight] = [without(left, leftHeads), without(right, rightHeads)];
  for (const [image, match] of await equalBytes(plainLeft, plainRight, index, signal)) matches.set(image, match);
  return { matches, undecoded: plainLeft.length + plainRight.length };
}

function imagesOf(index: ImageIndex, ...lists: readonly Int32Array[]): number[] {
  const images = new Set<number>();
  for (const list of lists) {
    for (const image of list) {
      const identity = index.identityOf(image);
      if (index.stateOf(identity) === "ok") images.add(identity);
    }
  }
  return [...images];
}

type Sketches = ReadonlyMap<number, Sketch>;

async function sketched(
  images: readonly number[],
  depth: Depth,
  index: ImageIndex,
  contents: Contents,
  signal: AbortSignal | undefined,
): Promise<Sketches> {
  const made = await contents.sketches(images.map(index.pathOf), depth, signal);
  const sketches = new Map<number, Sketch>();
  for (const [at, image] of images.entries()) {
    const sketch = made[at];
    if (sketch !== undefined) sketches.set(image, sketch);
  }
  return sketches;
}

function without(images: readonly number[], sketches: Sketches): number[] {
  return images.filter((image) => !sketches.has(image));
}

async function candidates(depth: Depth, left: Sketches, right: Sketches, signal: AbortSignal | undefined) {
  const find = sketchIndex(depth, right);
  const found = new Map<number, Candidates>();
  let began = performance.now();
  for (const [image, sketch] of left) {
    const alike = find(sketch);
    if (alike.copies.length + alike.near.length > 0) found.set(image, alike);
    if (performance.now() - began < sliceMs) continue;
    await setImmediate();
    signal?.throwIfAborted();
    began = performance.now();
  }
  return found;
}

async function comparedPixels(
  alike: ReadonlyMap<number, Candidates>,
  index: ImageIndex,
  signal: AbortSignal | undefined,
): Promise<Map<number, Match>> {
  const list = [...alike].map(([image, { copies, near }]) => ({ image, held: [...copies, ...near], copies }));
  const pairs = list.map(
    ({ image, held, copies }): Comparison => ({
      path: index.pathOf(image),
      held: held.map(index.pathOf),
      copies: copies.length,
    }),
  );
  const compared = await compareImages(pairs, signal);
  const matches = new Map<number, Match>();
  for (const [at, { image, held }] of list.entries()) {
    const found = compared[at];
    if (found) matches.set(image, { held: held[found.held] ?? -1, likeness: found.likeness });
  }
  return matches;
}

async function equalBytes(
  left: readonly number[],
  right: readonly number[],
  index: ImageIndex,
  signal: AbortSignal | undefined,
): Promise<Map<number, Match>> {
  const matches = new Map<number, Match>();
  if (left.length === 0 || right.length === 0) return matches;
  const rightDigests = await digestFiles(right.map(index.pathOf), signal);
  const leftDigests = await digestFiles(left.map(index.pathOf), signal);
  const byDigest = new Map(rightDigests.map((digest, at) => [digest, right[at] ?? -1]));
  for (const [at, image] of left.entries()) {
    const held = byDigest.get(leftDigests[at] ?? "");
    if (held !== undefined) matches.set(image, { held, likeness: "copy" });
  }
  return matches;
}
