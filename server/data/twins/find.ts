import { sha256 } from "../../fs/hash.ts";
import { keptOfFiles, type SeenFiles } from "../kept-files.ts";
import { keptFinding } from "../kept-images.ts";
import { pausing } from "../pause.ts";
import { compareTwins, fingerprintImages, searchNewTwins, searchTwins } from "../process/image-batches.ts";
import type { TwinFiles } from "../process/twin-work.ts";
import type { Place } from "./search.ts";

/** Two images, by their numbers in the list, that agree in their grain by 0..1 (`grainLikeness`). */
export type Twins = { readonly one: number; readonly other: number; readonly likeness: number };

/** Images that are compared with one another: distinct files. */
export type TwinSearch = SeenFiles & {
  /** Where golden images are among them: of each, and only pairs of a golden and an inspected image are told. */
  readonly places?: readonly Place[] | undefined;
  /** Under which pairs are kept: the next search of this name compares only images that are new to it. */
  readonly name?: string;
};

/** Above this share, or number, of new images all are searched anew, which then costs no more. */
const mostFresh = { share: 0.25, count: 1000 } as const;

/** Images that were compared with one another, by marks of their files, and the pairs that were found, by their numbers. */
type Compared = { readonly marks: readonly string[]; readonly pairs: readonly Twins[] };

/**
 * Finds images that are copies of one another though one was turned, mirrored, scaled, cut by up to a fifth, made
 * brighter or compressed again. A flat image is no copy of anything.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findTwins(search: TwinSearch, signal?: AbortSignal): Promise<Twins[]> {
  const { images, name = "all" } = search;
  const { pairs } = await keptFinding<Compared>(`twins ${name}`, async (before) => {
    const marks = await marksOf(search, signal);
    const known = stillThere(before, marks);
    const fresh = [...marks.keys()].filter((at) => known.isThere[at] === 0);
    if (fresh.length === 0 && marks.length > 0) return { marks, pairs: known.pairs };
    const anew = fresh.length > Math.min(mostFresh.count, mostFresh.share * images.length);
    const found = await twinsAmong(search, anew ? undefined : fresh, signal);
    const all = anew ? found : [...known.pairs, ...found];
    return { marks, pairs: all.sort((a, b) => b.likeness - a.likeness) };
  });
  return [...pairs];
}

/**
 * What tells each file from others and from itself before it was touched, and what it is compared as; empty for one that may
 * be touched unseen. Kept, since it takes a digest each.
 */
async function marksOf({ index, images, places }: TwinSearch, signal?: AbortSignal): Promise<string[]> {
  const marks = await keptOfFiles<string>("mark", { index, images }, async (some) => {
    const made: string[] = [];
    const pause = pausing();
    for (const image of some) {
      const stamp = index.stampOf(image);
      const text = `${index.pathOf(image)}\0${stamp.join(" ")}`;
      made.push(stamp.some(Number.isNaN) ? "" : sha256(text).slice(0, 32));
      if (pause.isDue()) await pause.rest(signal);
    }
    return made;
  });
  return marks.map((mark, at) => (mark ? `${mark} ${places?.[at]}` : ""));
}

/** What of an earlier search is among the files of now, by their numbers of now, and whether each of these was in it. */
function stillThere({ marks, pairs }: Compared = { marks: [], pairs: [] }, now: readonly string[]) {
  const places = new Map(now.map((mark, at) => [mark, at]));
  const numbers = marks.map((mark) => (mark === "" ? undefined : places.get(mark)));
  const isThere = new Uint8Array(now.length);
  for (const number of numbers) if (number !== undefined) isThere[number] = 1;
  const held = pairs.flatMap(({ one, other, likeness }): Twins[] => {
    const [a, b] = [numbers[one], numbers[other]];
    return a === undefined || b === undefined ? [] : [{ one: Math.min(a, b), other: Math.max(a, b), likeness }];
  });
  return { isThere, pairs: held };
}

/** @param fresh numbers of the images of which alone pairs are wanted */
async function twinsAmong(search: TwinSearch, fresh: readonly number[] | undefined, signal?: AbortSignal) {
  const { index, images, places } = search;
  const all = { prints: await fingerprintImages(search, signal), places };
  const pairs = distinct(await (fresh === undefined ? searchTwins(all, signal) : searchNewTwins(all, fresh, signal)));
  const pathAt = (at: number): string => index.pathOf(images[at] ?? -1);
  const files = pairs.map((pair): TwinFiles => ({ ...pair, of: pathAt(pair.of), like: pathAt(pair.like) }));
  const found = await compareTwins(files, signal);
  const best = new Map<string, Twins>();
  for (const [at, likeness] of found.entries()) {
    const { of = 0, like = 0 } = pairs[at] ?? {};
    if (likeness === undefined) continue;
    const [one, other] = of < like ? [of, like] : [like, of];
    const key = `${one} ${other}`;
    if (likeness > (best.get(key)?.likeness ?? 0)) best.set(key, { one, other, likeness });
  }
  return [...best.values()];
}

/** Either image may have found the other as a whole; once is enough. */
function distinct<Pair extends { of: number; like: number; window: number }>(pairs: readonly Pair[]): Pair[] {
  const seen = new Set<string>();
  return pairs.filter(({ of, like, window }) => {
    if (window !== 0) return true;
    const key = `${Math.min(of, like)} ${Math.max(of, like)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
