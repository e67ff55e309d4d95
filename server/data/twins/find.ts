import { sha256 } from "../../fs/hash.ts";
import { stampOf } from "../../fs/stamp.ts";
import { isSettled, keptByName } from "../kept-images.ts";
import { compareTwins, fingerprintImages, searchTwins } from "../process/image-batches.ts";
import type { TwinFiles } from "../process/twin-work.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Place } from "./search.ts";

/** Two images, by their numbers in the list, that agree in their grain by 0..1 (`grainLikeness`). */
export type Twins = { readonly one: number; readonly other: number; readonly likeness: number };

/** What was made of a file as it was then; a file that was touched is read again. */
const prints = new Map<string, Fingerprint | undefined>();
const likenesses = new Map<string, number | undefined>();
/** Entries of either, some 700 bytes each at most. */
const kept = 50_000;
/** What the last searches found, by the files that they were over: a plan and its approval look at the same ones. */
const searches = new Map<string, Twins[]>();
const keptSearches = 8;

/**
 * Finds images that are copies of one another though one was turned, mirrored, scaled, cut by up to a fifth, made
 * brighter or compressed again. A flat image is no copy of anything.
 *
 * @param paths real paths of distinct files
 * @param places where golden images are among them: of each, and only pairs of a golden and an inspected image are told
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findTwins(
  paths: readonly string[],
  signal?: AbortSignal,
  places?: readonly Place[],
): Promise<Twins[]> {
  const stamps = paths.map((path) => stampOf(path));
  const marks = paths.map((path, at) => `${path}\0${stamps[at]}`);
  const name = sha256([...marks, ...(places ?? [])].join("\0"));
  const before = searches.get(name);
  if (before !== undefined) return before;
  const [found = []] = await keptByName<Twins[]>(
    [stamps.every(isSettled) ? `twins\0${name}` : undefined],
    async ([wanted]) => (wanted === undefined ? [] : [await search(paths, marks, places, signal)]),
  );
  const [oldest] = searches.keys();
  if (searches.size >= keptSearches && oldest !== undefined) searches.delete(oldest);
  searches.set(name, found);
  return found;
}

async function search(
  paths: readonly string[],
  marks: readonly string[],
  places: readonly Place[] | undefined,
  signal: AbortSignal | undefined,
): Promise<Twins[]> {
  const made = await remembered(prints, marks, (wanted) =>
    fingerprintImages(
      wanted.map((at) => paths[at] ?? ""),
      signal,
    ),
  );
  const pairs = distinct(await searchTwins(made, places, signal));
  const names = pairs.map(
    ({ of, like, orientation, window }) => `${marks[of]}\0${marks[like]}\0${orientation}${window}`,
  );
  const found = await remembered(likenesses, names, (wanted) =>
    compareTwins(
      wanted.flatMap((at): TwinFiles[] => {
        const pair = pairs[at];
        return pair === undefined ? [] : [{ ...pair, of: paths[pair.of] ?? "", like: paths[pair.like] ?? "" }];
      }),
      signal,
    ),
  );
  const best = new Map<string, Twins>();
  for (const [at, likeness] of found.entries()) {
    const { of = 0, like = 0 } = pairs[at] ?? {};
    if (likeness === undefined) continue;
    const [one, other] = of < like ? [of, like] : [like, of];
    const key = `${one} ${other}`;
    if (likeness > (best.get(key)?.likeness ?? 0)) best.set(key, { one, other, likeness });
  }
  return [...best.values()].sort((a, b) => b.likeness - a.likeness);
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

/** What is known of each name, and what `make` says of the rest, by their numbers. */
async function remembered<Value>(
  known: Map<string, Value | undefined>,
  names: readonly string[],
  make: (wanted: readonly number[]) => Promise<(Value | undefined)[]>,
): Promise<(Value | undefined)[]> {
  const wanted = names.flatMap((name, at) => (known.has(name) ? [] : [at]));
  const had = names.map((name) => known.get(name));
  const made = await make(wanted);
  if (known.size + wanted.length > kept) known.clear();
  for (const [number, at] of wanted.entries()) {
    had[at] = made[number];
    known.set(names[at] ?? "", made[number]);
  }
  return had;
}
