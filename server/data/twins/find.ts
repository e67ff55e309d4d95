import { sha256 } from "../../fs/hash.ts";
import type { SeenFiles } from "../kept-files.ts";
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
const mostFresh = { share: 0.25, count: 2000 } as const;

/** Images that were compared with one another, by marks of their files, and the pairs that were found, by their numbers. */
type Compared = { readonly marks: readonly string[]; readonly pairs: readonly Twins[] };

/**
 * Finds images that are copies of one another though one was turned, mirrored, scaled, cut by up to a fifth, made
 * brighter or compressed again. A flat image is no copy of anything.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findTwins(search: TwinSearch, signal?: AbortSignal): Promise<Twins[]> {
  const { index, images, places, name = "all" } = search;
  const marks: string[] = [];
  const pause = pausing();
  for (const [at, image] of images.entries()) {
    marks.push(markOf(index.pathOf(image), index.stampOf(image), places?.[at]));
    if (pause.isDue()) await pause.rest(signal);
  }
  const { pairs } = await keptFinding<Compared>(`twins ${name}`, async (before) => {
    const known = stillThere(before, marks);
    const fresh = [...marks.keys()].filter((at) => !known.marks.has(marks[at] as string));
    if (fresh.length === 0 && marks.length > 0) return { marks, pairs: known.pairs };
    const anew = fresh.length > Math.min(mostFresh.count, mostFresh.share * images.length);
    const found = await twinsAmong(search, anew ? undefined : fresh, signal);
    const all = anew ? found : [...known.pairs, ...found];
    return { marks, pairs: all.sort((a, b) => b.likeness - a.likeness) };
  });
  return [...pairs];
}

/** What tells a file from others and from itself before it was touched; empty for one that may be touched unseen. */
function markOf(path: string, stamp: Float64Array, place: Place | undefined): string {
  return stamp.some(Number.isNaN) ? "" : sha256(`${path}\0${stamp.join(" ")}\0${place}`).slice(0, 32);
}

/** What of an earlier search is among the files of now, by their numbers of now. */
function stillThere({ marks, pairs }: Compared = { marks: [], pairs: [] }, now: readonly string[]) {
  const numbers = new Map(now.map((mark, at) => [mark, at]));
  const numberOf = (old: number) => (marks[old] === "" ? undefined : numbers.get(marks[old] ?? ""));
  const held = pairs.flatMap(({ one, other, likeness }): Twins[] => {
    const [a, b] = [numberOf(one), numberOf(other)];
    return a === undefined || b === undefined ? [] : [{ one: Math.min(a, b), other: Math.max(a, b), likeness }];
  });
  return { marks: new Set(marks.filter((mark) => mark !== "")), pairs: held };
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
