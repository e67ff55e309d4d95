import type { GrayImage } from "../decode/gray-image.ts";
import type { Window } from "./fingerprint.ts";
import { agreeWhereQuiet, type Fields, grainOf, isRepeated, likenessOf, mostFields } from "./grain.ts";

/** Points on a side at which a place is judged while it is looked for. */
const points = 24;
/** Deviation in gray levels below which there is nothing to compare. */
const flat = 3;
/** Correlation of structure below which two images do not show one thing; the grain of others is not looked at. */
const sameStructure = 0.97;
/** The same where a place was looked for in large steps only. */
const hopeful = 0.88;
/** Agreement of grain from which a place is worth to be found more exactly. */
const worthwhile = 0.25;

/**
 * Agreement from which two images of `side` fields are told of as copies. Of 4550 images of DeepPCB, whose boards share
 * designs, 2 pairs reach it without being any (bench/twins.ts); a small picture has too little grain for so low a bound.
 */
export function likenessToTell(side: number): number {
  return side >= 80 ? 0.5 : 0.8;
}

/** Fields on a side to compare two images by: no more than the smaller one has pixels. */
export function sideFor(one: GrayImage, other: GrayImage): number {
  return Math.max(2 * points, Math.min(mostFields, one.width, one.height, other.width, other.height));
}

/** The same picture laid otherwise (`turned` in fingerprint.ts does the same to its frequencies). */
export function laid({ side, means }: Fields, orientation: number): Fields {
  const [transposed, mirrorX, mirrorY] = [orientation & 1, orientation & 2, orientation & 4];
  const out = new Float64Array(means.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [column, row] = [mirrorX ? side - 1 - x : x, mirrorY ? side - 1 - y : y];
      out[y * side + x] = means[transposed ? column * side + row : row * side + column] as number;
    }
  }
  return { side, means: out };
}

type Place = { readonly x: number; readonly y: number; readonly across: number; readonly down: number };
/** A place and how well it fits. */
type Found = { readonly place: Place; readonly height: number };

/**
 * How far two pictures agree in their grain, about 0 for two photographs and 1 for one photograph and its copy, at the
 * best place near a first guess of the part of `other` that `one` shows; 0 where already their structure differs, and
 * where what agrees is regular structure.
 *
 * Two good parts of one design have the same structure. Their grain, which is noise, texture and the exact run of edges,
 * is each one's own: it is what is left of a picture without its local means, clipped so that strong edges do not decide.
 * Where a small picture is full of edges these do: two rows of leads of one pitch have them alike. A photograph whose
 * grain repeats itself must therefore agree with its copy where there are no edges, too.
 */
export function grainLikeness(one: Fields, other: Fields, guess: Window): number {
  const found = grainFound(one, other, guess);
  if (found === undefined) return 0;
  const { place, height } = found;
  if (height < likenessToTell(one.side)) return Math.max(0, height);
  const there = { side: one.side, means: new Float64Array(one.means.length) };
  levelsAt(other, place, one.side, there.means);
  return !agreeWhereQuiet(one, there) && isRepeated(grainOf(one)) ? 0 : height;
}

/** Where and how well two pictures agree in their grain; undefined where already their structure differs. */
function grainFound(one: Fields, other: Fields, guess: Window): Found | undefined {
  const coarse = coarseOf(one);
  const structureAt = (place: Place) => structure(coarse, other, place);
  const guessed: Place = { x: guess.x, y: guess.y, across: guess.side, down: guess.side };
  const first = { place: guessed, height: structureAt(guessed) };
  const near = climbed(first, 0.06, 0.03, structureAt);
  if (near.height < hopeful) return undefined;
  const own = grainOf(one);
  const grainAt = (place: Place) => agreement(own, other, place);
  const asGuessed = { place: guessed, height: guess.side === 1 ? grainAt(guessed) : 0 };
  if (asGuessed.height >= 2 * worthwhile && first.height >= sameStructure) return asGuessed;
  const { place, height } = climbed(near, 0.015, 0.002, structureAt);
  if (height < sameStructure) return undefined;
  const there = { place, height: grainAt(place) };
  const found = there.height < worthwhile ? there : climbed(there, 0.004, 0.001, grainAt);
  return found.height < asGuessed.height ? asGuessed : found;
}

/** Goes uphill from a place in ever smaller steps. */
function climbed(from: Found, largest: number, smallest: number, heightOf: (place: Place) => number): Found {
  let { place, height } = from;
  for (let step = largest; step >= smallest; step /= 2) {
    // The step back leads to what was lower.
    for (let [moved, back] = [true, -1]; moved; ) {
      moved = false;
      let next = -1;
      for (const [way, near] of neighbours(place, step).entries()) {
        if (way === back) continue;
        const found = heightOf(near);
        if (found <= height + 1e-5) continue;
        [height, place, moved, next] = [found, near, true, way];
      }
      back = next ^ 1;
    }
  }
  return { place, height };
}

/** A step to each side, and one wider, narrower, higher and lower about the middle; the second of each two undoes the first. */
function neighbours({ x, y, across, down }: Place, step: number): Place[] {
  return [
    { x: x + step, y, across, down },
    { x: x - step, y, across, down },
    { x, y: y + step, across, down },
    { x, y: y - step, across, down },
    { x: x - step / 2, y, across: across + step, down },
    { x: x + step / 2, y, across: across - step, down },
    { x, y: y - step / 2, across, down: down + step },
    { x, y: y + step / 2, across, down: down - step },
  ];
}

/** How far a part may reach over the edge, in shares of a side. */
const slack = 0.02;

function isInside({ x, y, across, down }: Place): boolean {
  const fits = x >= -slack && y >= -slack && x + across <= 1 + slack && y + down <= 1 + slack;
  return fits && across >= 0.6 && down >= 0.6;
}

/** Levels of coarse points, with their sum and how far they deviate. */
type Coarse = { readonly levels: Float64Array; readonly sum: number; readonly varies: number };

function coarseOf(one: Fields): Coarse {
  const levels = new Float64Array(points * points);
  levelsAt(one, { x: 0, y: 0, across: 1, down: 1 }, points, levels);
  let [sum, squares] = [0, 0];
  for (const level of levels) {
    sum += level;
    squares += level * level;
  }
  return { levels, sum, varies: squares - (sum * sum) / levels.length };
}

const under = new Float64Array(points * points);

/** Correlation of coarse points with those of `other` that lie under them; brightness and contrast do not count. */
function structure({ levels, sum, varies }: Coarse, other: Fields, place: Place): number {
  if (!isInside(place)) return -1;
  levelsAt(other, place, points, under);
  let [sb, sbb, sab] = [0, 0, 0];
  for (let at = 0; at < under.length; at++) {
    const q = under[at] as number;
    sb += q;
    sbb += q * q;
    sab += (levels[at] as number) * q;
  }
  const n = points * points;
  const others = sbb - (sb * sb) / n;
  if (varies < flat * flat * n || others < flat * flat * n) return -1;
  return (sab - (sum * sb) / n) / Math.sqrt(varies * others);
}

/** Correlation of grain with that of `other` at a place. */
function agreement(own: Float64Array, other: Fields, place: Place): number {
  if (!isInside(place)) return -1;
  const { side } = other;
  levelsAt(other, place, side, levels);
  return likenessOf(own, grainOf({ side, means: levels }, grainThere));
}

/** Room for levels at each place, which are looked at once: to take new memory for them costs as much as to fill it. */
const levels = new Float64Array(mostFields * mostFields);
const grainThere = new Float64Array(mostFields * mostFields);

/** Where points along one side of a picture lie between the middles of its fields: the field before each, and how far on. */
type Steps = { readonly field: Int32Array; readonly beyond: Float64Array };
const blankSteps = (): Steps => ({ field: new Int32Array(mostFields), beyond: new Float64Array(mostFields) });
const [across, down] = [blankSteps(), blankSteps()];

/** Places `count` points in the middles of as many parts of a length, which is in shares of a side. */
function placePoints(side: number, count: number, start: number, length: number, { field, beyond }: Steps): void {
  for (let point = 0; point < count; point++) {
    const place = start + ((point + 0.5) / count) * length;
    const at = Math.min(side - 1.001, Math.max(0, place * side - 0.5));
    field[point] = at;
    beyond[point] = at - (field[point] as number);
  }
}

/** Levels of a picture at `count` x `count` points of a place. */
function levelsAt({ side, means }: Fields, place: Place, count: number, into: Float64Array): void {
  placePoints(side, count, place.x, place.across, across);
  placePoints(side, count, place.y, place.down, down);
  const { field, beyond } = across;
  for (let row = 0, to = 0; row < count; row++) {
    const [line, dy] = [(down.field[row] as number) * side, down.beyond[row] as number];
    for (let column = 0; column < count; column++, to++) {
      const [at, dx] = [line + (field[column] as number), beyond[column] as number];
      const top = (means[at] as number) * (1 - dx) + (means[at + 1] as number) * dx;
      const bottom = (means[at + side] as number) * (1 - dx) + (means[at + side + 1] as number) * dx;
      into[to] = top * (1 - dy) + bottom * dy;
    }
  }
}
