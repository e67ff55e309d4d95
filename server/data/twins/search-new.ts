import { type Fingerprint, orientations, perWindow, windows } from "./fingerprint.ts";
import { layOut } from "./keys.ts";
import { best, type Candidate, type Found, isSought, leastOf, type Place, type Prints, portionSize } from "./search.ts";

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
};

/**
 * Compares each image of a share with each new one, either way, and finds all that may be copies: no order of keys is
 * needed, and none that is near is passed over. What a pair costs is a few numbers of each window, since nearly all
 * differ in these.
 *
 * Yields after every `portionSize` images of the share; what was found comes last, at most the best of each image.
 */
export function* candidatesOfNew({ prints, numbers, fresh, places }: NewSearch): Generator<Candidate[]> {
  // Golden images are held against others as wholes alone.
  const count = places === undefined ? windows.length : 1;
  const isNew = new Set(numbers.subarray(0, fresh));
  const news = prints.slice(0, fresh).flatMap((print, at) => (print === undefined ? [] : [newImage(print, at, count)]));
  const found = new Map<number, Found>();
  const mayMeet = (of: number, like: number) =>
    places === undefined || isSought(places[of] as Place, places[like] as Place);
  const note = (of: number, like: number, one: Alike | undefined): void => {
    if (one === undefined) return;
    const [ofNumber, likeNumber] = [numbers[of] as number, numbers[like] as number];
    const some: Found = found.get(ofNumber) ?? new Map();
    found.set(ofNumber, some.set(likeNumber, { ...one, of: ofNumber, like: likeNumber }));
  };
  const shapes = new Float64Array(count * perShape);
  for (let at = fresh; at < prints.length; at++) {
    const [print, number] = [prints[at], numbers[at] as number];
    if (print !== undefined) shapesOf(print, count, shapes);
    for (const one of print === undefined ? [] : news) {
      // Of two new ones that of the lower number is held against the other.
      if (isNew.has(number) && number >= (numbers[one.at] as number)) continue;
      if (mayMeet(at, one.at)) note(at, one.at, windowLike(print as Fingerprint, shapes, one));
      if (mayMeet(one.at, at)) note(one.at, at, wholeLike(print as Fingerprint, shapes, one));
    }
    if ((at - fresh) % portionSize === portionSize - 1) yield [];
  }
  yield [...found.values()].flatMap(best);
}

/** Which window, laid how, looks how much like a whole. */
type Alike = Omit<Candidate, "of" | "like">;

/** A new image by its place in the list: its windows laid every way, one behind the other, and their shapes. */
type NewImage = { readonly at: number; readonly shapes: Float64Array; readonly laid: Int8Array };

function newImage(print: Fingerprint, at: number, count: number): NewImage {
  const shapes = new Float64Array(count * perShape);
  shapesOf(print, count, shapes);
  const laid = new Int8Array(count * orientations.length * perWindow);
  for (let window = 0; window < count; window++) {
    const part = windowOf(print, window);
    for (const orientation of orientations) layOut(part, orientation, laid.subarray(placeOf(window, orientation)));
  }
  return { at, shapes, laid };
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

const asked = new Int8Array(perWindow);

/** The window of an image that looks most like the whole of a new one, if any does. */
function windowLike(print: Fingerprint, shapes: Float64Array, one: NewImage): Alike | undefined {
  let most: Alike | undefined;
  for (let window = 0; window * perShape < shapes.length; window++) {
    if (!mayBeAlike(shapes, window, one.shapes)) continue;
    layOut(windowOf(print, window), 0, asked);
    for (const orientation of orientations) {
      const likeness = likenessTo(asked, one.laid, placeOf(0, undoes[orientation] as number), window);
      if (likeness > (most?.likeness ?? 0)) most = { orientation, window, likeness };
    }
  }
  return most;
}

/** The window of a new image that looks most like the whole of another, if any does. */
function wholeLike(print: Fingerprint, shapes: Float64Array, one: NewImage): Alike | undefined {
  let most: Alike | undefined;
  for (let window = 0; window * perShape < shapes.length; window++) {
    if (!mayBeAlike(one.shapes, window, shapes)) continue;
    layOut(windowOf(print, 0), 0, asked);
    for (const orientation of orientations) {
      const likeness = likenessTo(asked, one.laid, placeOf(window, orientation), window);
      if (likeness > (most?.likeness ?? 0)) most = { orientation, window, likeness };
    }
  }
  return most;
}

/** A window is scaled to a length of 100, which rounding lengthens by no more. */
const longest = 104;
/** How far two laid out windows are apart at most, squared, of which the first is held against the whole of the other. */
const mostApart = windows.map((_, window) => 2 * (1 - leastOf(window)) * longest ** 2);
/** Numbers between two looks at the distance; it divides `perWindow`. */
const atOnce = 9;

/** The cosine of two laid out parts, 0 where it is less than what is looked for. */
function likenessTo(part: Int8Array, laid: Int8Array, from: number, window: number): number {
  let [apart, square, other] = [0, 0, 0];
  for (let at = 0; at < perWindow; at += atOnce) {
    for (let place = at; place < at + atOnce; place++) {
      const [a, b] = [part[place] as number, laid[from + place] as number];
      apart += (a - b) * (a - b);
      square += a * a;
      other += b * b;
    }
    if (apart > (mostApart[window] as number)) return 0;
  }
  const likeness = (square + other - apart) / (2 * Math.sqrt(square * other));
  return likeness >= leastOf(window) ? likeness : 0;
}

/** Frequencies, the lowest first, each with that with which it trades places where an image is turned, or with itself. */
const mirrored = Array.from({ length: 64 }, (_, at) => [at >> 3, at & 7] as const)
  .filter(([v, u]) => u <= v && v > 0)
  .sort(([v, u], [w, x]) => u + v - w - x);
/** Numbers of a shape, and between two looks at how far two are apart; it divides them. */
const perShape = mirrored.length;
const shapeAtOnce = 5;
const ones = Uint8Array.from(mirrored, ([v, u]) => 8 * v + u - 1);
const others = Uint8Array.from(mirrored, ([v, u]) => 8 * u + v - 1);

/**
 * What of each of the first windows is the same however the image is laid: how strong two frequencies are together that trade
 * places. Shapes are never further apart than windows are, whichever way these are laid.
 */
function shapesOf(print: Fingerprint, count: number, into: Float64Array): void {
  for (let window = 0, to = 0; window < count; window++) {
    const from = window * perWindow;
    for (let at = 0; at < perShape; at++, to++) {
      const [one, other] = [ones[at] as number, others[at] as number];
      const a = print[from + one] as number;
      const b = one === other ? 0 : (print[from + other] as number);
      into[to] = Math.sqrt(a * a + b * b);
    }
  }
}

/** Whether a window may be as like to the whole of another image as is looked for, going by their shapes. */
function mayBeAlike(of: Float64Array, window: number, like: Float64Array): boolean {
  // Rounding of the roots.
  const [from, most] = [window * perShape, (mostApart[window] as number) + 1];
  let apart = 0;
  for (let at = 0; at < perShape; at += shapeAtOnce) {
    for (let place = at; place < at + shapeAtOnce; place++) {
      const difference = (of[from + place] as number) - (like[place] as number);
      apart += difference * difference;
    }
    if (apart > most) return false;
  }
  return true;
}
