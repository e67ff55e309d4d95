import { type Files, foldersOf, isSame, placesIn, type SeenFiles } from "../kept-files.ts";
import { keptFinding } from "../kept-images.ts";
import { compareTwins, fingerprintImages, searchNewTwins, searchTwins } from "../process/image-batches.ts";
import type { TwinFiles } from "../process/twin-work.ts";
import { type Fingerprint, perWindow } from "./fingerprint.ts";
import { goldenPlace, type Place } from "./search.ts";

/** Two images, by their numbers in the list, that agree in their grain by 0..1 (`grainLikeness`). */
export type Twins = { readonly one: number; readonly other: number; readonly likeness: number };

/** Images that are compared with one another: distinct files. */
export type TwinSearch = SeenFiles & {
  /** Of each image; without them all are in one set. What an image is most like where it must share nothing is always looked at. */
  readonly places?: readonly Place[] | undefined;
  /** Whether golden images are among them: then only pairs of one and of an inspected image are told. */
  readonly withGolden?: boolean | undefined;
  /** Under which pairs are kept: the next search of this name compares only images that are new to it. */
  readonly name?: string;
};

/** Above this share, or number, of new images all are searched anew, which then costs no more. */
const mostFresh = { share: 0.25, count: 1000 } as const;

/** Images of one directory that were compared: their numbers in the list, and as what each was. */
type Folder = Files & { readonly directory: string; readonly numbers: Int32Array; readonly places: Uint16Array };

/** Images that were compared with one another and the pairs that were found, by their numbers. */
type Compared = { readonly folders: readonly Folder[]; readonly pairs: readonly Twins[] };

/**
 * Finds images that are copies of one another though one was turned, mirrored, scaled, cut by up to a fifth, made
 * brighter or compressed again. A flat image is no copy of anything.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findTwins(search: TwinSearch, signal?: AbortSignal): Promise<Twins[]> {
  const { images, name = "all" } = search;
  const { pairs } = await keptFinding<Compared>(`twins ${name}`, async (before) => {
    const folders = await comparedFolders(search);
    const known = stillThere(before, folders, images.length);
    const fresh = [...images.keys()].filter((at) => known.isThere[at] === 0);
    if (before !== undefined && fresh.length === 0 && known.isAll) return before;
    if (fresh.length === 0 && images.length > 0) return { folders, pairs: known.pairs };
    const anew = fresh.length > Math.min(mostFresh.count, mostFresh.share * images.length);
    const found = await twinsAmong(search, anew ? undefined : fresh, signal);
    const all = anew ? found : [...known.pairs, ...found];
    return { folders, pairs: all.sort((a, b) => b.likeness - a.likeness) };
  });
  return [...pairs];
}

async function comparedFolders(search: TwinSearch): Promise<Folder[]> {
  const folders: Folder[] = [];
  for await (const { directory, places: numbers, files } of foldersOf(search)) {
    const places = new Uint16Array(numbers.map((at) => search.places?.[at] ?? 0));
    folders.push({ directory, ...files, numbers: new Int32Array(numbers), places });
  }
  return folders;
}

/** What of an earlier search is among `count` files of now, by their numbers of now, and whether each of these was in it. */
function stillThere({ folders, pairs }: Compared = { folders: [], pairs: [] }, now: readonly Folder[], count: number) {
  const before = new Map(folders.map((folder) => [folder.directory, folder]));
  const total = folders.reduce((sum, folder) => sum + folder.numbers.length, 0);
  const isThere = new Uint8Array(count);
  /** Of each image of then; -1 of one that is not among those of now. */
  const numbers = new Int32Array(total).fill(-1);
  for (const folder of now) {
    const old = before.get(folder.directory);
    if (old === undefined) continue;
    const places = isSame(old, folder) ? undefined : placesIn(old, folder);
    for (let at = 0; at < folder.numbers.length; at++) {
      const place = places === undefined ? at : (places[at] as number);
      if (place < 0 || old.places[place] !== folder.places[at]) continue;
      isThere[folder.numbers[at] as number] = 1;
      numbers[old.numbers[place] as number] = folder.numbers[at] as number;
    }
  }
  const held = pairs.flatMap(({ one, other, likeness }): Twins[] => {
    const [a, b] = [numbers[one] ?? -1, numbers[other] ?? -1];
    return a < 0 || b < 0 ? [] : [{ one: Math.min(a, b), other: Math.max(a, b), likeness }];
  });
  return { isThere, pairs: held, isAll: total === count && numbers.every((number, at) => number === at) };
}

/** @param fresh numbers of the images of which alone pairs are wanted */
async function twinsAmong(search: TwinSearch, fresh: readonly number[] | undefined, signal?: AbortSignal) {
  const { index, images, places, withGolden } = search;
  const all = { prints: await printsOf(search, signal), places, withGolden };
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

/** Fingerprints to be compared; with golden images all are compared as wholes, and those that are inspected have theirs. */
async function printsOf({ index, images, places = [], withGolden = false }: TwinSearch, signal?: AbortSignal) {
  if (!withGolden) return await fingerprintImages({ index, images }, "windows", signal);
  const prints = new Array<Fingerprint | undefined>(images.length).fill(undefined);
  for (const part of ["windows", "whole"] as const) {
    const isWanted = (at: number) => (((places[at] ?? 0) & goldenPlace) === 0) === (part === "windows");
    const numbers = [...images.keys()].filter(isWanted);
    const made = await fingerprintImages({ index, images: numbers.map((at) => images[at] as number) }, part, signal);
    for (const [at, number] of numbers.entries()) prints[number] = made[at]?.subarray(0, perWindow);
  }
  return prints;
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
