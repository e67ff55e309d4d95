import { perWindow, turned } from "./fingerprint.ts";

/**
 * Keys of signs of frequencies, by which parts that look alike lie near each other in a sorted list. Parts are laid out
 * with their lowest frequencies first, which hold the most of an image: two that differ are told apart by these alone.
 */
export type KeyList = {
  /** Which frequency gives which sign. */
  readonly order: Uint8Array;
  /** In ascending order, with the number of the part that each is of. */
  readonly keys: Float64Array;
  readonly parts: Int32Array;
};

/** Signs that a key is made of, and those among the first of them that are tried both ways where they are least sure. */
const keyBits = 48;
const firstBits = 14;

const natural = Array.from({ length: perWindow }, (_, at) => at);
const height = (at: number) => ((at + 1) >> 3) + ((at + 1) & 7);
/** The frequencies in the order of a laid out part. */
export const lowest = Uint8Array.from([...natural].sort((a, b) => height(a) - height(b) || a - b));
const placeOf = new Map([...lowest].map((at, place) => [at, place]));

/** Of each orientation: the frequency that comes to each place, counted from 1, and its sign. */
const moves = Array.from({ length: 8 }, (_, orientation) => {
  const out = turned(
    Int8Array.from(natural, (at) => at + 1),
    orientation,
  );
  return Int8Array.from(lowest, (at) => out[at] as number);
});

/** Lays the frequencies of a part out as they are of the image turned by an orientation. */
export function layOut(part: Int8Array, orientation: number, into: Int8Array): void {
  const move = moves[orientation] as Int8Array;
  for (let place = 0; place < perWindow; place++) {
    const from = move[place] as number;
    into[place] = from > 0 ? (part[from - 1] as number) : -(part[-from - 1] as number);
  }
}

/** Sorts laid out parts by their keys. `at` gives each of `count`; one number of `list` gives one order of the signs. */
export function keyList(list: number, count: number, at: (part: number) => Int8Array): KeyList {
  const order = orderOf(list);
  const unsorted = Float64Array.from({ length: count }, (_, part) => keyOf(at(part), order));
  const parts = Int32Array.from({ length: count }, (_, part) => part);
  parts.sort((a, b) => (unsorted[a] as number) - (unsorted[b] as number) || a - b);
  return { order, keys: Float64Array.from(parts, (part) => unsorted[part] as number), parts };
}

/** Calls for each part whose key lies within `reach` of that of a laid out one, or of it with unsure signs turned. */
export function forEachNear(
  asked: Int8Array,
  { order, keys, parts }: KeyList,
  { unsure, reach }: { readonly unsure: number; readonly reach: number },
  on: (part: number) => void,
): void {
  for (const key of keysAround(asked, order, unsure)) {
    const middle = placeIn(keys, key);
    const end = Math.min(keys.length, middle + reach);
    for (let at = Math.max(0, middle - reach); at < end; at++) on(parts[at] as number);
  }
}

/** The lowest frequencies first, in another order for each list. */
function orderOf(list: number): Uint8Array {
  const lot = (at: number) => Math.imul(at + 1, 2654435761 + 2 * list * 40503) >>> 0;
  const rank = (at: number) => (height(at) <= 5 ? 0 : 1);
  const all = [...natural].sort((a, b) => rank(a) - rank(b) || lot(a) - lot(b));
  return Uint8Array.from(all.slice(0, keyBits), (at) => placeOf.get(at) as number);
}

function keyOf(part: Int8Array, order: Uint8Array): number {
  let [high, low] = [0, 0];
  for (let bit = 0; bit < keyBits / 2; bit++) high = 2 * high + ((part[order[bit] as number] as number) > 0 ? 1 : 0);
  for (let bit = keyBits / 2; bit < keyBits; bit++)
    low = 2 * low + ((part[order[bit] as number] as number) > 0 ? 1 : 0);
  return high * 2 ** (keyBits / 2) + low;
}

function keysAround(part: Int8Array, order: Uint8Array, unsure: number): number[] {
  const keys = [keyOf(part, order)];
  let turnedBits = 0;
  for (let more = 0; more < unsure; more++) {
    const bit = leastSure(part, order, turnedBits);
    turnedBits |= 1 << bit;
    const weight = 2 ** (keyBits - 1 - bit);
    const change = (part[order[bit] as number] as number) > 0 ? -weight : weight;
    for (let at = 0, end = keys.length; at < end; at++) keys.push((keys[at] as number) + change);
  }
  return keys;
}

/** The first sign of those that are not left out whose frequency is the smallest. */
function leastSure(part: Int8Array, order: Uint8Array, leftOut: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let bit = 0; bit < firstBits; bit++) {
    const size = Math.abs(part[order[bit] as number] as number);
    if (size < least && (leftOut & (1 << bit)) === 0) [best, least] = [bit, size];
  }
  return best;
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
