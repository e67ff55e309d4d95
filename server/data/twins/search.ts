import { type Fingerprint, orientations, perWindow, turned, windows } from "./fingerprint.ts";

/** Two images that may be one: a window of image `of`, laid by `orientation`, looks like the whole of image `like`. */
export type Candidate = {
  readonly of: number;
  readonly like: number;
  readonly orientation: number;
  /** Number in `windows`. */
  readonly window: number;
};

/** Likeness of frequencies from which the images themselves are compared, of wholes and of windows, which are many more. */
const least = { whole: 0.93, part: 0.95 } as const;
/** Candidates of one image, the most alike ones: where thousands look alike, a copy is still nearer than a mere twin. */
const mostOfOne = 2;
/** Looked at on either side of a place in a sorted list. */
const reach = 6;
const lists = 4;
/** Images of one portion of the answer. */
const portionSize = 64;
/** Signs that a key is made of, and those among the first of them that are tried both ways where they are least sure. */
const keyBits = 48;
const firstBits = 14;

/** The sets that an image is in, a bit for each, and above them whether it is a golden one. */
export type Place = number;
export const goldenPlace: Place = 1 << 8;

/** A golden image is held against inspected ones of other sets alone: within a set it is one's reference. */
function mayMeet(golden: Place, other: Place): boolean {
  return (other & goldenPlace) === 0 && (golden & other) === 0;
}

/**
 * Finds images that may be copies of one another. Fingerprints become keys of signs, which are sorted in several orders;
 * only images whose keys are neighbours in one of them are compared, so that the work grows with n log n.
 *
 * @param prints undefined for an image that shows nothing
 * @param from the first image whose windows are looked for, `to` the one behind the last: the work can be shared
 * @param places where some are golden images: of each image. Each golden one is then looked for as a whole, and nothing else
 */
export function* candidates(
  prints: readonly (Fingerprint | undefined)[],
  from = 0,
  to = prints.length,
  places?: readonly Place[],
): Generator<Candidate[]> {
  const orders = Array.from({ length: lists }, (_, list) => orderOf(list));
  const sorted = orders.map((order) => sortedKeys(prints, order));
  const lengths = Float64Array.from(prints, (print) => (print === undefined ? 0 : lengthOf(print)));
  const seen = new Int32Array(prints.length).fill(-1);
  let [stamp, portion] = [0, [] as Candidate[]];
  for (let of = from; of < to; of++) {
    const print = prints[of];
    if (print === undefined || (places !== undefined && ((places[of] as Place) & goldenPlace) === 0)) continue;
    const found = new Map<number, Candidate & { readonly likeness: number }>();
    for (const window of places === undefined ? windows.keys() : [0]) {
      const part = print.subarray(window * perWindow, (window + 1) * perWindow);
      const length = lengthOf(part);
      if (length === 0) continue;
      const limit = window === 0 ? least.whole : least.part;
      for (const orientation of orientations) {
        const asked = turned(part, orientation);
        stamp++;
        for (const like of near(asked, sorted, orders, window === 0 ? [lists, 3] : [2, 2])) {
          if (like === of || seen[like] === stamp) continue;
          seen[like] = stamp;
          if (places !== undefined && !mayMeet(places[of] as Place, places[like] as Place)) continue;
          const likeness = productOf(asked, prints[like] as Fingerprint) / (length * (lengths[like] as number));
          if (likeness < limit || likeness <= (found.get(like)?.likeness ?? 0)) continue;
          found.set(like, { of, like, orientation, window, likeness });
        }
      }
    }
    const best = [...found.values()].sort((a, b) => b.likeness - a.likeness).slice(0, mostOfOne);
    portion.push(...best.map(({ likeness: _, ...one }) => one));
    if (of % portionSize < portionSize - 1) continue;
    yield portion;
    portion = [];
  }
  yield portion;
}

/** Keys in ascending order with the number of the image of each. */
type Sorted = { readonly keys: Float64Array; readonly images: Int32Array };

function sortedKeys(prints: readonly (Fingerprint | undefined)[], order: Uint8Array): Sorted {
  const known = [...prints.entries()].flatMap(([image, print]) => (print === undefined ? [] : [{ image, print }]));
  const keyed = known.map(({ image, print }) => ({ image, key: keyOf(print, order) }));
  keyed.sort((a, b) => a.key - b.key);
  return {
    keys: Float64Array.from(keyed, ({ key }) => key),
    images: Int32Array.from(keyed, ({ image }) => image),
  };
}

/** Which frequency gives which sign of a key: the lowest ones first, in another order for each list. */
function orderOf(list: number): Uint8Array {
  const all = Array.from({ length: perWindow }, (_, at) => at);
  const height = (at: number) => ((at + 1) >> 3) + ((at + 1) & 7);
  const lot = (at: number) => Math.imul(at + 1, 2654435761 + 2 * list * 40503) >>> 0;
  const rank = (at: number) => (height(at) <= 5 ? 0 : 1);
  all.sort((a, b) => rank(a) - rank(b) || lot(a) - lot(b));
  return Uint8Array.from(all.slice(0, keyBits));
}

function keyOf(part: Int8Array, order: Uint8Array): number {
  let key = 0;
  for (const at of order) key = 2 * key + ((part[at] as number) > 0 ? 1 : 0);
  return key;
}

/** Images whose keys lie next to that of a part, or to one with its least sure first signs the other way round. */
function* near(
  part: Int8Array,
  sorted: readonly Sorted[],
  orders: readonly Uint8Array[],
  [tried, unsure]: [number, number],
) {
  for (let list = 0; list < tried; list++) {
    const [order, { keys, images }] = [orders[list] as Uint8Array, sorted[list] as Sorted];
    const key = keyOf(part, order);
    for (const flipped of keysAround(key, part, order, unsure)) {
      const middle = placeIn(keys, flipped);
      const end = Math.min(keys.length, middle + reach);
      for (let at = Math.max(0, middle - reach); at < end; at++) yield images[at] as number;
    }
  }
}

function keysAround(key: number, part: Int8Array, order: Uint8Array, unsure: number): number[] {
  const first = Array.from({ length: firstBits }, (_, bit) => bit);
  first.sort((a, b) => Math.abs(part[order[a] as number] as number) - Math.abs(part[order[b] as number] as number));
  let keys = [key];
  for (const bit of first.slice(0, unsure)) {
    const weight = 2 ** (keyBits - 1 - bit);
    const change = (part[order[bit] as number] as number) > 0 ? -weight : weight;
    keys = [...keys, ...keys.map((one) => one + change)];
  }
  return keys;
}

function placeIn(keys: Float64Array, key: number): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Length of the frequencies of a part, which is the same however it is laid; of a print, those of the whole image. */
function lengthOf(part: Int8Array): number {
  return Math.sqrt(productOf(part, part));
}

/** Product of two parts' frequencies; divided by their lengths it is their cosine. */
function productOf(part: Int8Array, print: Int8Array): number {
  let both = 0;
  for (let at = 0; at < perWindow; at++) both += (part[at] as number) * (print[at] as number);
  return both;
}
