import { type Fingerprint, orientations, perWindow, windows } from "./fingerprint.ts";
import { forEachNear, keyList, layOut } from "./keys.ts";

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
/** Lists that a whole image is looked for in, and signs that are tried both ways; windows are many more. */
const effort = { whole: { lists, unsure: 3 }, part: { lists: 2, unsure: 2 } } as const;
/** Images of one portion of the answer. */
export const portionSize = 64;
/** The lowest frequencies of a part, which rule most others out. */
const lowCount = 24;

/** The sets that an image is in, a bit for each, and above them whether it is a golden one. */
export type Place = number;
export const goldenPlace: Place = 1 << 8;

/** A golden image is held against inspected ones of other sets alone: within a set it is one's reference. */
function mayMeet(golden: Place, other: Place): boolean {
  return (other & goldenPlace) === 0 && (golden & other) === 0;
}

export type Prints = readonly (Fingerprint | undefined)[];

/** What is searched, and of it what share: the images from `from` to before `to` are looked for among all. */
export type Search = {
  /** undefined for an image that shows nothing */
  readonly prints: Prints;
  readonly from?: number;
  readonly to?: number;
  /** Where some are golden images: of each image. Each golden one is then looked for as a whole, and nothing else. */
  readonly places?: readonly Place[] | undefined;
  /** Where only pairs with a new image are wanted: whether each is one, 0 or 1. */
  readonly fresh?: Uint8Array | undefined;
};

type Found = Map<number, Candidate & { readonly likeness: number }>;

/**
 * Finds images that may be copies of one another. Fingerprints become keys of signs, which are sorted in several orders;
 * only images whose keys are neighbours in one of them are compared, so that the work grows with n log n. Where few are
 * new, these are looked for among the windows of the others, too, which costs a sort of their keys and no search of each.
 *
 * Yields after every `portionSize` images of its share.
 */
export function* candidates(search: Search): Generator<Candidate[]> {
  const { prints, from = 0, to = prints.length, places, fresh } = search;
  const wholes = partsOf(prints, (image) => [{ image, window: 0 }]);
  const find = finder(wholes);
  let portion: Candidate[] = [];
  for (let of = from; of < to; of++) {
    const print = prints[of];
    const isAsked = places === undefined || ((places[of] as Place) & goldenPlace) !== 0;
    if (print !== undefined && isAsked && fresh?.[of] !== 0) portion.push(...best(likeOne(of, print, find, places)));
    if ((of - from) % portionSize < portionSize - 1) continue;
    yield portion;
    portion = [];
  }
  yield portion;
  if (fresh !== undefined) yield [...amongOld({ ...search, from, to, fresh })];
}

function likeOne(of: number, print: Fingerprint, find: Finder, places: Search["places"]): Found {
  const found: Found = new Map();
  for (const window of places === undefined ? windows.keys() : [0]) {
    const part = print.subarray(window * perWindow, (window + 1) * perWindow);
    for (const orientation of orientations) {
      find(part, orientation, window === 0 ? "whole" : "part", reach, ({ image: like }, likeness) => {
        if (like === of || likeness <= (found.get(like)?.likeness ?? 0)) return;
        if (places !== undefined && !mayMeet(places[of] as Place, places[like] as Place)) return;
        found.set(like, { of, like, orientation, window, likeness });
      });
    }
  }
  return found;
}

function best(found: Found): Candidate[] {
  const most = [...found.values()].sort((a, b) => b.likeness - a.likeness).slice(0, mostOfOne);
  return most.map(({ likeness: _, ...one }) => one);
}

/** The orientation that undoes each. */
const undoes = orientations.map((orientation) =>
  (orientation & 1) === 0 ? orientation : [1, 5, 3, 7][orientation >> 1],
);

type Shared = Search & { readonly from: number; readonly to: number; readonly fresh: Uint8Array };

/** The same pairs from the other side: old images of the share of which a window looks like a new one. */
function* amongOld({ prints, from, to, places, fresh }: Shared) {
  const isOld = (image: number) =>
    image >= from &&
    image < to &&
    fresh[image] === 0 &&
    (places === undefined || ((places[image] ?? 0) & goldenPlace) !== 0);
  const all = places === undefined ? [...windows.keys()] : [0];
  const find = finder(partsOf(prints, (image) => (isOld(image) ? all.map((window) => ({ image, window })) : [])));
  const byOld = new Map<number, Found>();
  for (const [like, print] of prints.entries()) {
    if (print === undefined || fresh[like] !== 1) continue;
    for (const orientation of orientations) {
      find(
        print.subarray(0, perWindow),
        undoes[orientation] ?? 0,
        "whole",
        reach * all.length,
        ({ image: of, window }, likeness) => {
          if (window > 0 && likeness < least.part) return;
          if (places !== undefined && !mayMeet(places[of] as Place, places[like] as Place)) return;
          const found: Found = byOld.get(of) ?? new Map();
          byOld.set(of, found);
          if (likeness > (found.get(like)?.likeness ?? 0)) found.set(like, { of, like, orientation, window, likeness });
        },
      );
    }
  }
  for (const found of byOld.values()) yield* best(found);
}

type Part = { readonly image: number; readonly window: number };
type Parts = { readonly of: readonly Part[]; readonly values: Int8Array };

/** The windows of the prints that are wanted, laid out one behind the other; flat ones are left out. */
function partsOf(prints: Prints, wanted: (image: number) => readonly Part[]): Parts {
  const of: Part[] = [];
  for (const [image, print] of prints.entries()) {
    if (print === undefined) continue;
    for (const part of wanted(image)) {
      const from = part.window * perWindow;
      if (print.subarray(from, from + perWindow).some((value) => value !== 0)) of.push(part);
    }
  }
  const values = new Int8Array(of.length * perWindow);
  for (const [at, { image, window }] of of.entries()) {
    const print = prints[image] as Fingerprint;
    layOut(print.subarray(window * perWindow, (window + 1) * perWindow), 0, values.subarray(at * perWindow));
  }
  return { of, values };
}

type Finder = ReturnType<typeof finder>;

/** Finds parts that are alike enough to one that is laid by an orientation. */
function finder({ of, values }: Parts) {
  const at = (part: number) => values.subarray(part * perWindow, (part + 1) * perWindow);
  const sorted = Array.from({ length: lists }, (_, list) => keyList(list, of.length, at));
  const lengths = Float64Array.from(of, (_, part) => lengthOf(at(part), 0));
  const rests = Float64Array.from(of, (_, part) => lengthOf(at(part), lowCount));
  const seen = new Int32Array(of.length).fill(-1);
  const asked = new Int8Array(perWindow);
  let stamp = 0;
  return (
    print: Int8Array,
    orientation: number,
    kind: keyof typeof effort,
    within: number,
    on: (part: Part, likeness: number) => void,
  ): void => {
    layOut(print, orientation, asked);
    const [length, rest] = [lengthOf(asked, 0), lengthOf(asked, lowCount)];
    if (length === 0) return;
    stamp++;
    const compare = (part: number): void => {
      if (seen[part] === stamp) return;
      seen[part] = stamp;
      const most = length * (lengths[part] as number);
      const from = part * perWindow;
      let both = 0;
      for (let place = 0; place < lowCount; place++)
        both += (asked[place] as number) * (values[from + place] as number);
      // What is left can add the product of their lengths at most.
      if (both + rest * (rests[part] as number) < least[kind] * most - 1) return;
      for (let place = lowCount; place < perWindow; place++)
        both += (asked[place] as number) * (values[from + place] as number);
      if (both / most >= least[kind]) on(of[part] as Part, both / most);
    };
    for (const list of sorted.slice(0, effort[kind].lists)) {
      forEachNear(asked, list, { unsure: effort[kind].unsure, reach: within }, compare);
    }
  };
}

function lengthOf(part: Int8Array, from: number): number {
  let sum = 0;
  for (let place = from; place < part.length; place++) sum += (part[place] as number) ** 2;
  return Math.sqrt(sum);
}
