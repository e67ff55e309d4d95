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
  const isNew = new Set(numbers.subarray(0, fresh));
  const news = Array.from({ length: fresh }, (_, at) => ({ at, shapes: shapesOf(prints[at]) }));
  const found = new Map<number, Found>();
  const compare = (of: Shown, like: Shown): void => {
    if (places !== undefined && !isSought(places[of.at] as Place, places[like.at] as Place)) return;
    const one = alike(prints, of, like, places === undefined ? windows.length : 1);
    if (one === undefined) return;
    const [ofNumber, likeNumber] = [numbers[of.at] as number, numbers[like.at] as number];
    const some: Found = found.get(ofNumber) ?? new Map();
    found.set(ofNumber, some.set(likeNumber, { ...one, of: ofNumber, like: likeNumber }));
  };
  for (let at = fresh; at < prints.length; at++) {
    const number = numbers[at] as number;
    const other = { at, shapes: shapesOf(prints[at]) };
    for (const one of news) {
      // Of two new ones that of the lower number is held against the other.
      if (isNew.has(number) && number >= (numbers[one.at] as number)) continue;
      compare(other, one);
      compare(one, other);
    }
    if ((at - fresh) % portionSize === portionSize - 1) yield [];
  }
  yield [...found.values()].flatMap(best);
}

/** An image by its place in the list, with the shapes of its windows; none of one that shows nothing. */
type Shown = { readonly at: number; readonly shapes: Float64Array | undefined };

/** Which window of `of`, laid how, looks most like the whole of `like`, if any does. */
function alike(prints: Prints, of: Shown, like: Shown, count: number): Omit<Candidate, "of" | "like"> | undefined {
  let most: Omit<Candidate, "of" | "like"> | undefined;
  if (of.shapes === undefined || like.shapes === undefined) return undefined;
  for (let window = 0; window < count; window++) {
    if (!mayBeAlike(of.shapes, window, like.shapes, leastOf(window))) continue;
    const part = (prints[of.at] as Fingerprint).subarray(window * perWindow, (window + 1) * perWindow);
    const whole = (prints[like.at] as Fingerprint).subarray(0, perWindow);
    for (const orientation of orientations) {
      const likeness = cosine(part, orientation, whole);
      if (likeness >= leastOf(window) && likeness > (most?.likeness ?? 0)) most = { orientation, window, likeness };
    }
  }
  return most;
}

const laid = new Int8Array(perWindow);
const asked = new Int8Array(perWindow);

function cosine(part: Int8Array, orientation: number, whole: Int8Array): number {
  layOut(part, orientation, laid);
  layOut(whole, 0, asked);
  let [both, ofPart, ofWhole] = [0, 0, 0];
  for (let place = 0; place < perWindow; place++) {
    const [a, b] = [laid[place] as number, asked[place] as number];
    both += a * b;
    ofPart += a * a;
    ofWhole += b * b;
  }
  return both / Math.sqrt(ofPart * ofWhole);
}

/** Frequencies that trade places where an image is turned, the lowest first; those on the diagonal stay. */
const mirrored = Array.from({ length: 64 }, (_, at) => [at >> 3, at & 7] as const)
  .filter(([v, u]) => u <= v && v > 0)
  .sort(([v, u], [w, x]) => u + v - w - x);
const ones = Uint8Array.from(mirrored, ([v, u]) => 8 * v + u - 1);
const others = Uint8Array.from(mirrored, ([v, u]) => 8 * u + v - 1);
/** Numbers of a shape, behind which its square stands. */
const perShape = ones.length;
const stride = perShape + 1;
/** Numbers of two shapes between two looks at their distance; it divides `perShape`. */
const atOnce = 5;

/**
 * What of each window is the same however the image is laid: how strong two frequencies are together that trade places. The
 * shapes of two windows are never further apart than the windows are, whichever way these are laid.
 */
function shapesOf(print: Fingerprint | undefined): Float64Array | undefined {
  if (print === undefined) return undefined;
  const shapes = new Float64Array(windows.length * stride);
  for (let window = 0; window < windows.length; window++) {
    let square = 0;
    for (let at = 0; at < perShape; at++) {
      const [one, other] = [ones[at] as number, others[at] as number];
      const [a, b] = [print[window * perWindow + one] as number, print[window * perWindow + other] as number];
      const both = one === other ? a * a : a * a + b * b;
      shapes[window * stride + at] = Math.sqrt(both);
      square += both;
    }
    shapes[window * stride + perShape] = square;
  }
  return shapes;
}

/** Whether the cosine of a window and the whole of another image may reach `least`, going by their shapes. */
function mayBeAlike(of: Float64Array, window: number, like: Float64Array, least: number): boolean {
  const from = window * stride;
  const [a, b] = [of[from + perShape] as number, like[perShape] as number];
  if (a === 0 || b === 0) return false;
  // Rounding of the sums.
  const most = a + b - 2 * least * Math.sqrt(a * b) + 1;
  let apart = 0;
  for (let at = 0; at < perShape; at += atOnce) {
    for (let place = at; place < at + atOnce; place++) {
      const difference = (of[from + place] as number) - (like[place] as number);
      apart += difference * difference;
    }
    if (apart > most) return false;
  }
  return true;
}
