import { type Fingerprint, orientations, perWindow, windows } from "./fingerprint.ts";
import { forEachNear, keyList, layOut } from "./keys.ts";

/** Two images that may be one: a window of image `of`, laid by `orientation`, looks like the whole of image `like`. */
export type Candidate = {
  readonly of: number;
  readonly like: number;
  readonly orientation: number;
  /** Number in `windows`. */
  readonly window: number;
  /** Cosine of their frequencies. */
  readonly likeness: number;
  /** Whether the two must not be one. */
  readonly isApart: boolean;
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
const lowCount = 12;

/**
 * The sets that an image is in, a bit for each, above them whether it is a golden one, and above that the sets that it must
 * share nothing with.
 */
export type Place = number;
export const goldenPlace: Place = 1 << 7;
const setBits = goldenPlace - 1;
const apartShift = 8;

/** The place of an image of a set, both by number, below 7, that must share nothing with some others. */
export function placeIn(set: number, apartFrom: readonly number[]): Place {
  return apartFrom.reduce((place, other) => place | (1 << (apartShift + other)), 1 << set);
}

/**
 * How an image is looked for where another is: within a set, or where it must share nothing; undefined where it is not, as
 * in two sets that may share what they like. A golden image is the reference of its own set: with golden images it is they
 * that are looked for, among inspected ones elsewhere.
 */
export function relationOf(of: Place = 1, like: Place = 1, withGolden = false): "within" | "apart" | undefined {
  const isWithin = (of & like & setBits) !== 0;
  const isApart = !isWithin && ((of >> apartShift) & like & setBits) !== 0;
  if (withGolden) return isApart && (of & goldenPlace) !== 0 && (like & goldenPlace) === 0 ? "apart" : undefined;
  return isWithin ? "within" : isApart ? "apart" : undefined;
}

export type Prints = readonly (Fingerprint | undefined)[];

/** What is searched, and of it what share: the images from `from` to before `to` are looked for among all. */
export type Search = {
  /** undefined for an image that shows nothing */
  readonly prints: Prints;
  readonly from?: number;
  readonly to?: number;
  /** Of each image; without them all are in one set. */
  readonly places?: readonly Place[] | undefined;
  /** Whether golden images are among them: each is then looked for as a whole, and nothing else. */
  readonly withGolden?: boolean | undefined;
};

/** What one image is like, by the numbers of the others. */
type Found = Map<number, Candidate>;

/** Likeness of frequencies from which a window is held against a whole. */
export function leastOf(window: number): number {
  return window === 0 ? least.whole : least.part;
}

/**
 * Finds images that may be copies of one another. Fingerprints become keys of signs, which are sorted in several orders;
 * only images whose keys are neighbours in one of them are compared, so that the work grows with n log n. What an image
 * must share nothing with is sorted by itself: no number of look-alikes in its own set, or in one that it may share what it
 * likes with, comes between.
 *
 * Yields after every `portionSize` images of its share.
 */
export function* candidates(search: Search): Generator<Candidate[]> {
  const { prints, from = 0, to = prints.length, places, withGolden = false } = search;
  const findersOf = findersByPlace(search);
  let portion: Candidate[] = [];
  for (let of = from; of < to; of++) {
    const print = prints[of];
    const isAsked = !withGolden || ((places?.[of] ?? 0) & goldenPlace) !== 0;
    if (print !== undefined && isAsked) portion.push(...best(likeOne(of, print, findersOf(places?.[of]), withGolden)));
    if ((of - from) % portionSize < portionSize - 1) continue;
    yield portion;
    portion = [];
  }
  yield portion;
}

function likeOne(of: number, print: Fingerprint, finders: readonly Finder[], withGolden: boolean): Iterable<Candidate> {
  const found: Found = new Map();
  for (const window of withGolden ? [0] : windows.keys()) {
    const part = print.subarray(window * perWindow, (window + 1) * perWindow);
    for (const orientation of orientations) {
      for (const { find, isApart } of finders) {
        find(part, orientation, window === 0 ? "whole" : "part", (like, likeness) => {
          if (like === of || likeness <= (found.get(like)?.likeness ?? 0)) return;
          found.set(like, { of, like, orientation, window, likeness, isApart });
        });
      }
    }
  }
  return found.values();
}

/** What one image is most like. Copies in its own set must not hide the one in another that it must share nothing with. */
export function best(found: Iterable<Candidate>): Candidate[] {
  const sorted = [...found].sort((a, b) => b.likeness - a.likeness);
  const apart = sorted.findIndex(({ isApart }) => isApart);
  return sorted.filter((_, at) => at < mostOfOne || at === apart);
}

/** Finds what an image of a place is looked for among: what it must share nothing with, and what else there is. */
type Finder = { readonly find: ReturnType<typeof finder>; readonly isApart: boolean };

function findersByPlace({ prints, places, withGolden = false }: Search) {
  const known = new Map<Place | undefined, readonly Finder[]>();
  return (place: Place | undefined): readonly Finder[] => {
    const made =
      known.get(place) ??
      (["apart", "within"] as const).flatMap((relation) => {
        const wholes = wholesOf(prints, (like) => relationOf(place, places?.[like], withGolden) === relation);
        return wholes.images.length === 0 ? [] : [{ find: finder(wholes), isApart: relation === "apart" }];
      });
    known.set(place, made);
    return made;
  };
}

/** The wholes of some prints, laid out one behind the other, and the numbers of their images. */
function wholesOf(prints: Prints, isThere: (image: number) => boolean) {
  const images = Int32Array.from(prints.keys()).filter((image) => prints[image] !== undefined && isThere(image));
  const values = new Int8Array(images.length * perWindow);
  for (const [at, image] of images.entries()) {
    layOut((prints[image] as Fingerprint).subarray(0, perWindow), 0, values.subarray(at * perWindow));
  }
  return { images, values };
}

/** Finds wholes that are alike enough to a window that is laid by an orientation. */
function finder({ images, values }: ReturnType<typeof wholesOf>) {
  const at = (part: number) => values.subarray(part * perWindow, (part + 1) * perWindow);
  const sorted = Array.from({ length: lists }, (_, list) => keyList(list, images.length, at));
  const lengths = Float64Array.from(images, (_, part) => lengthOf(at(part), 0));
  const rests = Float64Array.from(images, (_, part) => lengthOf(at(part), lowCount));
  const seen = new Int32Array(images.length).fill(-1);
  const asked = new Int8Array(perWindow);
  let stamp = 0;
  return (
    print: Int8Array,
    orientation: number,
    kind: keyof typeof effort,
    on: (like: number, likeness: number) => void,
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
      const bound = least[kind] * most - 1;
      let both = 0;
      for (let place = 0; place < lowCount; place++)
        both = (both + Math.imul(asked[place] as number, values[from + place] as number)) | 0;
      // What is left can add the product of their lengths at most.
      if (both + rest * (rests[part] as number) < bound) return;
      for (let place = lowCount; place < perWindow; place++)
        both = (both + Math.imul(asked[place] as number, values[from + place] as number)) | 0;
      if (both / most >= least[kind]) on(images[part] as number, both / most);
    };
    for (const list of sorted.slice(0, effort[kind].lists)) {
      forEachNear(asked, list, { unsure: effort[kind].unsure, reach }, compare);
    }
  };
}

function lengthOf(part: Int8Array, from: number): number {
  let sum = 0;
  for (let place = from; place < part.length; place++) sum += (part[place] as number) ** 2;
  return Math.sqrt(sum);
}
