import { type Fingerprint, orientations, perWindow, windows } from "./fingerprint.ts";
import { layOut, lowest } from "./keys.ts";
import { best, type Candidate, leastOf, type Place, type Prints, portionSize, relationOf } from "./search.ts";

/** Some images of a search that are new, and a share of all that are searched. */
export type NewSearch = {
  /** Those of the new images first, then those of the share, among which new ones may be again. */
  readonly prints: Prints;
  /** The numbers of these images in the search. */
  readonly numbers: Int32Array;
  /** How many of them are the new ones. */
  readonly fresh: number;
  /** As of `Search`, of these images. */
  readonly places?: readonly Place[] | undefined;
  readonly withGolden?: boolean | undefined;
};

/**
 * Compares each image of a share with each new one, either way, and finds all that may be copies: no order of keys is
 * needed, and none that is near is passed over. What a pair costs is a few numbers of each window, since nearly all
 * differ in these.
 *
 * Yields after every `portionSize` images of the share; what was found comes last, at most the best of each image.
 */
export function* candidatesOfNew(search: NewSearch): Generator<Candidate[]> {
  const { prints, numbers, fresh, places, withGolden = false } = search;
  // Golden images are held against others as wholes alone.
  const count = withGolden ? 1 : windows.length;
  const isNew = new Set(numbers.subarray(0, fresh));
  const news = prints.slice(0, fresh).flatMap((print, at) => (print === undefined ? [] : [newImage(print, at, count)]));
  const found = new Map<number, Candidate[]>();
  const compare = (at: number, print: Fingerprint, one: NewImage, isOfNew: boolean): void => {
    const [of, like] = isOfNew ? [one.at, at] : [at, one.at];
    const relation = relationOf(places?.[of], places?.[like], withGolden);
    const most = relation && alike(print, one, isOfNew);
    if (most === undefined) return;
    const [ofNumber, likeNumber] = [numbers[of] as number, numbers[like] as number];
    const candidate = { ...most, of: ofNumber, like: likeNumber, isApart: relation === "apart" };
    const some = [...(found.get(ofNumber) ?? []), candidate];
    // Where thousands look alike, all that each is like would take gigabytes.
    found.set(ofNumber, best(some));
  };
  for (let at = fresh; at < prints.length; at++) {
    if (at > fresh && (at - fresh) % portionSize === 0) yield [];
    const [print, number] = [prints[at], numbers[at] as number];
    if (print === undefined) continue;
    for (const one of news) {
      // Of two new ones that of the lower number is held against the other.
      if (isNew.has(number) && number >= (numbers[one.at] as number)) continue;
      compare(at, print, one, false);
      compare(at, print, one, true);
    }
  }
  yield [...found.values()].flat();
}

/** Which window, laid how, looks how much like a whole. */
type Alike = Omit<Candidate, "of" | "like" | "isApart">;

/** A new image by its place in the list: its windows laid every way, one behind the other, and their shapes. */
type NewImage = { readonly at: number; readonly count: number; readonly shapes: Int16Array; readonly laid: Int8Array };

function newImage(print: Fingerprint, at: number, count: number): NewImage {
  const laid = new Int8Array(count * orientations.length * perWindow);
  for (let window = 0; window < count; window++) {
    const part = windowOf(print, window);
    for (const orientation of orientations) layOut(part, orientation, laid.subarray(placeOf(window, orientation)));
  }
  return { at, count, shapes: shapesOf(print, count), laid };
}

function windowOf(print: Fingerprint, window: number): Int8Array {
  return print.subarray(window * perWindow, (window + 1) * perWindow);
}

function placeOf(window: number, orientation: number): number {
  return (window * orientations.length + orientation) * perWindow;
}

/** The orientation that undoes each. */
const undoes = orientations.map((orientation) =>
  (orientation & 1) === 0 ? orientation : ([1, 5, 3, 7][orientation >> 1] as number),
);

/**
 * The window of an image that looks most like the whole of a new one, or the window of the new one that looks most like the
 * whole of the other, if any does.
 */
function alike(print: Fingerprint, one: NewImage, isOfNew: boolean): Alike | undefined {
  let most: Alike | undefined;
  for (let window = 0; window < one.count; window++) {
    const own = isOfNew ? 0 : window;
    const other = window - own;
    if (!mayBeNear(print, own, one.shapes, other, mostApart[window] as number)) continue;
    for (const orientation of orientations) {
      const laidAs = isOfNew ? orientation : (undoes[orientation] as number);
      const likeness = likenessTo(print, own, one.laid, placeOf(other, laidAs), window);
      if (likeness > (most?.likeness ?? 0)) most = { orientation, window, likeness };
    }
  }
  return most;
}

/** A window is scaled to a length of 100, which rounding lengthens by no more. */
const longest = 104;
/** How far two laid out windows are apart at most, squared, of which the first is held against the whole of the other. */
const mostApart = Float64Array.from(windows, (_, window) => 2 * (1 - leastOf(window)) * longest ** 2);
/** Numbers between two looks at the distance; it divides `perWindow`. */
const atOnce = 9;

/** The cosine of a window and of a laid out one, 0 where it is less than what is looked for. */
function likenessTo(print: Fingerprint, own: number, laid: Int8Array, from: number, window: number): number {
  const first = own * perWindow;
  const most = mostApart[window] as number;
  let apart = 0;
  for (let at = 0; at < perWindow; at += atOnce) {
    for (let place = at; place < at + atOnce; place++) {
      const difference = (print[first + (lowest[place] as number)] as number) - (laid[from + place] as number);
      apart += difference * difference;
    }
    if (apart > most) return 0;
  }
  const [square, other] = [squareOf(print, first), squareOf(laid, from)];
  const likeness = (square + other - apart) / (2 * Math.sqrt(square * other));
  return likeness >= leastOf(window) ? likeness : 0;
}

function squareOf(parts: Int8Array, from: number): number {
  let sum = 0;
  for (let at = from; at < from + perWindow; at++) sum += (parts[at] as number) ** 2;
  return sum;
}

/** Frequencies, the lowest first, each with that with which it trades places where an image is turned, or with itself. */
const mirrored = Array.from({ length: 64 }, (_, at) => [at >> 3, at & 7] as const)
  .filter(([v, u]) => u <= v && v > 0)
  .sort(([v, u], [w, x]) => u + v - w - x);
const ones = Uint8Array.from(mirrored, ([v, u]) => 8 * v + u - 1);
const others = Uint8Array.from(mirrored, ([v, u]) => 8 * u + v - 1);
/** Those that are odd either way have another sign in a mirror. */
const isTurned = Uint8Array.from(mirrored, ([v, u]) => (v | u) & 1);
const perShape = 2 * mirrored.length;

/**
 * What of each of the first windows is the same however the image is laid: of two frequencies that trade places their sum
 * and how far they are apart, without signs that a mirror turns.
 */
function shapesOf(print: Fingerprint, count: number): Int16Array {
  const shapes = new Int16Array(count * perShape);
  for (let window = 0, to = 0; window < count; window++) {
    const part = windowOf(print, window);
    for (const [pair, one] of ones.entries()) {
      const two = [part[one] as number, one === others[pair] ? 0 : (part[others[pair] as number] as number)];
      const [a = 0, b = 0] = isTurned[pair] === 1 ? two.map(Math.abs) : two;
      shapes[to++] = a + b;
      shapes[to++] = Math.abs(a - b);
    }
  }
  return shapes;
}

/**
 * Whether a window may be no further than `most`, squared, from one that there is a shape of: the squares by which shapes
 * differ are at most twice those by which the windows do, whichever way these are laid.
 */
function mayBeNear(print: Fingerprint, window: number, shapes: Int16Array, other: number, most: number): boolean {
  const first = window * perWindow;
  let apart = 0;
  for (let pair = 0, at = other * perShape; pair < mirrored.length; pair++, at += 2) {
    const [one, two] = [ones[pair] as number, others[pair] as number];
    let a = print[first + one] as number;
    let b = one === two ? 0 : (print[first + two] as number);
    if (isTurned[pair] === 1) {
      a = Math.abs(a);
      b = Math.abs(b);
    }
    const sums = a + b - (shapes[at] as number);
    const differences = Math.abs(a - b) - (shapes[at + 1] as number);
    apart += sums * sums + differences * differences;
    if (apart > 2 * most) return false;
  }
  return true;
}
