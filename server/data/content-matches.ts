import type { Contents } from "./content-cache.ts";
import type { ImageIndex } from "./image-index.ts";
import { groundOf, keptOfFiles } from "./kept-files.ts";
import { createNumberSet, type NumberColumn } from "./number-list.ts";
import { pausing } from "./pause.ts";
import { compareImages, digestImages } from "./process/image-batches.ts";
import type { Comparison } from "./process/image-work.ts";
import type { RowImages } from "./row-images.ts";
import { type Depth, meanReach, possibleLikeness, type Sketch } from "./sketch.ts";

/** A held-out image, by number, and how alike an image of the training side is to it. */
export type Match = { readonly held: number; readonly likeness: "copy" | "near" };

export type ContentMatches = {
  /** By number of the training side's image. */
  readonly matches: ReadonlyMap<number, Match>;
  /** Images of either side that nothing here decodes: they were compared byte for byte only. */
  readonly undecoded: number;
};

const portionSize = 512;

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
  const right = imagesOf(index, [held.input]);
  const left = imagesOf(index, [training.input, training.golden], right);
  // What an image matches rests on it and on the held-out ones: of an unchanged set only new images are looked for.
  const ground = groundOf({ index, images: right });
  const sketch = (images: readonly number[], depth: Depth) => sketched(images, depth, index, contents, signal);
  const look = (some: readonly number[]) => shownBy(some, right, index, sketch, signal);
  const found =
    ground === undefined
      ? await look(left)
      : await keptOfFiles(`shown in ${held.columns.path}`, { index, images: left }, look, ground);
  const matches = new Map<number, Match>();
  let undecoded = right.length - (await sketch(right, "head")).size;
  for (const [at, one] of found.entries()) {
    if (one === false || (typeof one === "object" && !one.decoded)) undecoded++;
    if (typeof one !== "object") continue;
    matches.set(left[at] ?? -1, { held: index.numberOf(...one.file), likeness: one.likeness });
  }
  return { matches, undecoded };
}

/** What is kept of an image of the training side: whether it was decoded, and with what held-out file it matches. */
type Shown =
  | boolean
  | ({ readonly decoded: boolean; readonly file: readonly [directory: string, name: string] } & Pick<
      Match,
      "likeness"
    >);

async function shownBy(
  left: readonly number[],
  right: readonly number[],
  index: ImageIndex,
  sketch: (images: readonly number[], depth: Depth) => Promise<Sketches>,
  signal: AbortSignal | undefined,
): Promise<Shown[]> {
  const [leftHeads, rightHeads] = [await sketch(left, "head"), await sketch(right, "head")];
  const first = await likelyImages(leftHeads, rightHeads, signal);
  const [leftWhole, rightWhole] = [await sketch(first.left, "whole"), await sketch(first.right, "whole")];
  const matches = await comparedPixels(leftWhole, rightWhole, index, signal);
  // Whatever a sketch says: equal bytes are a copy.
  for (const [image, match] of await equalBytes(left, right, index, signal)) matches.set(image, match);
  return left.map((image) => {
    const [match, decoded] = [matches.get(image), leftHeads.has(image)];
    if (match === undefined) return decoded;
    const { held, likeness } = match;
    return { decoded, file: [index.directoryOf(held), index.nameOf(held)], likeness };
  });
}

/** The files of lists that are images, each once, in the order of their first mention, without some. */
function imagesOf(index: ImageIndex, lists: readonly NumberColumn[], without: readonly number[] = []): number[] {
  const images: number[] = [];
  const seen = createNumberSet(index.size());
  for (const image of without) seen.add(image);
  for (const list of lists) {
    for (let at = 0; at < list.length; at++) {
      const identity = index.identityOf(list.at(at));
      if (seen.add(identity) && index.stateOf(identity) === "ok") images.push(identity);
    }
  }
  return images;
}

type Sketches = ReadonlyMap<number, Sketch>;

async function sketched(
  images: readonly number[],
  depth: Depth,
  index: ImageIndex,
  contents: Contents,
  signal: AbortSignal | undefined,
): Promise<Sketches> {
  const made = await contents.sketches({ index, images }, depth, signal);
  const sketches = new Map<number, Sketch>();
  for (const [at, image] of images.entries()) {
    const sketch = made[at];
    if (sketch !== undefined) sketches.set(image, sketch);
  }
  return sketches;
}

/** Images of both sides whose first rows look alike; which of them belong together is found again on the whole. */
async function likelyImages(left: Sketches, right: Sketches, signal: AbortSignal | undefined) {
  const find = sketchIndex("head", right);
  const likely = { left: new Set<number>(), right: new Set<number>() };
  const pause = pausing();
  for (const [image, sketch] of left) {
    const { copies, near } = find(sketch);
    if (copies.length + near.length > 0) likely.left.add(image);
    for (const one of copies) likely.right.add(one);
    for (const one of near) likely.right.add(one);
    if (pause.isDue()) await pause.rest(signal);
  }
  return { left: [...likely.left], right: [...likely.right] };
}

/** Compares in portions: where thousands look alike, the list of all pairs would take gigabytes. */
async function comparedPixels(left: Sketches, right: Sketches, index: ImageIndex, signal: AbortSignal | undefined) {
  const find = sketchIndex("whole", right);
  const matches = new Map<number, Match>();
  let portion: { readonly image: number; readonly held: readonly number[]; readonly pair: Comparison }[] = [];
  const compare = async () => {
    const compared = await compareImages(
      portion.map(({ pair }) => pair),
      signal,
    );
    for (const [at, { image, held }] of portion.entries()) {
      const found = compared[at];
      if (found) matches.set(image, { held: held[found.held] ?? -1, likeness: found.likeness });
    }
    portion = [];
  };
  const pause = pausing();
  for (const [image, sketch] of left) {
    const { copies, near } = find(sketch);
    const held = [...copies, ...near];
    const pair = { path: index.pathOf(image), held: held.map(index.pathOf), copies: copies.length };
    if (held.length > 0) portion.push({ image, held, pair });
    if (portion.length >= portionSize) await compare();
    if (pause.isDue()) await pause.rest(signal);
  }
  await compare();
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
  const [some, others] = [sharing(left, right, index), sharing(right, left, index)];
  const rightDigests = await digestImages({ index, images: others }, signal);
  const leftDigests = await digestImages({ index, images: some }, signal);
  const byDigest = new Map(rightDigests.map((digest, at) => [digest, others[at] ?? -1]));
  for (const [at, image] of some.entries()) {
    const held = byDigest.get(leftDigests[at] ?? "");
    if (held !== undefined) matches.set(image, { held, likeness: "copy" });
  }
  return matches;
}

/** Images whose files are as long as one of the other side: no other can have the same bytes. */
function sharing(images: readonly number[], others: readonly number[], index: ImageIndex): number[] {
  const sizeOf = (image: number) => index.factsOf(image).size_bytes;
  const lengths = new Set(others.map(sizeOf));
  return images.filter((image) => lengths.has(sizeOf(image)));
}

/** Held-out images, by number, that an image may be a copy of or near to. */
type Candidates = { readonly copies: readonly number[]; readonly near: readonly number[] };

type Held = { readonly image: number; readonly mean: number; readonly sketch: Sketch };

/** Finds, among held-out images of the same size, those that a sketch cannot tell from a given one. */
function sketchIndex(depth: Depth, held: Iterable<readonly [image: number, sketch: Sketch]>) {
  const bySize = new Map<string, Held[]>();
  for (const [image, sketch] of held) {
    const group = bySize.get(sizeOf(sketch)) ?? [];
    group.push({ image, mean: meanOf(sketch), sketch });
    bySize.set(sizeOf(sketch), group);
  }
  for (const group of bySize.values()) group.sort((a, b) => a.mean - b.mean);
  return (sketch: Sketch): Candidates => {
    const group = bySize.get(sizeOf(sketch)) ?? [];
    const [mean, reach] = [meanOf(sketch), meanReach(sketch, depth)];
    const copies: number[] = [];
    const near: number[] = [];
    for (let at = firstAtLeast(group, mean - reach); at < group.length; at++) {
      const one = group[at] as Held;
      if (one.mean > mean + reach) break;
      const likeness = possibleLikeness(one.sketch, sketch, depth);
      if (likeness !== undefined) (likeness === "copy" ? copies : near).push(one.image);
    }
    return { copies, near };
  };
}

function sizeOf({ width, height }: Sketch): string {
  return `${width}x${height}`;
}

function meanOf({ fields }: Sketch): number {
  let sum = 0;
  for (const field of fields) sum += field;
  return sum / Math.max(1, fields.length);
}

function firstAtLeast(held: readonly Held[], mean: number): number {
  let from = 0;
  let to = held.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((held[middle]?.mean ?? 0) < mean) from = middle + 1;
    else to = middle;
  }
  return from;
}
