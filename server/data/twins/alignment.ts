import type { GrayImage } from "../decode/gray-image.ts";
import type { Window } from "./fingerprint.ts";

/** A picture that is compared: the means of `side` x `side` fields of an image, row by row. */
export type Fields = { readonly side: number; readonly means: Float64Array };

/** Most fields on a side: as fine as the grain of a small image, coarse enough for a large one to be compared quickly. */
const mostFields = 96;
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
 * best place near a first guess of the part of `other` that `one` shows; 0 where already their structure differs.
 *
 * Two good parts of one design have the same structure. Their grain, which is noise, texture and the exact run of edges,
 * is each one's own: it is what is left of a picture without its local means, clipped so that strong edges do not decide.
 */
export function grainLikeness(one: Fields, other: Fields, guess: Window): number {
  const coarse = coarseOf(one);
  const structureAt = (place: Place) => structure(coarse, other, place);
  const guessed: Place = { x: guess.x, y: guess.y, across: guess.side, down: guess.side };
  const first = { place: guessed, height: structureAt(guessed) };
  const near = climbed(first, 0.06, 0.03, structureAt);
  if (near.height < hopeful) return 0;
  const own = grainOf(one);
  const grainAt = (place: Place) => agreement(own, other, place);
  const asGuessed = guess.side === 1 ? grainAt(guessed) : 0;
  if (asGuessed >= 2 * worthwhile && first.height >= sameStructure) return asGuessed;
  const { place, height } = climbed(near, 0.015, 0.002, structureAt);
  if (height < sameStructure) return 0;
  const there = { place, height: grainAt(place) };
  if (there.height < worthwhile) return Math.max(0, there.height, asGuessed);
  return Math.max(asGuessed, climbed(there, 0.004, 0.001, grainAt).height);
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
  levelsAt(other, place, side, scratch.levels);
  const grain = grainOf({ side, means: scratch.levels }, scratch.grain);
  let [saa, sbb, sab] = [0, 0, 0];
  for (let at = 0; at < own.length; at++) {
    const [p, q] = [own[at] as number, grain[at] as number];
    saa += p * p;
    sbb += q * q;
    sab += p * q;
  }
  return saa === 0 || sbb === 0 ? 0 : sab / Math.sqrt(saa * sbb);
}

/** Fields around one of which the mean is taken off, on either side. */
const around = 2;

/** Room for what is made at each place and looked at once: to take new memory for it costs as much as to fill it. */
const scratch = {
  levels: new Float64Array(mostFields * mostFields),
  lines: new Float64Array(mostFields * mostFields),
  grain: new Float64Array(mostFields * mostFields),
  columns: new Float64Array(mostFields),
};

/** What is left of a picture without its local means and stripes, no more of any field than twice the middle one. */
function grainOf({ side, means }: Fields, grain = new Float64Array((side - 2 * around) ** 2)): Float64Array {
  const width = side - 2 * around;
  const count = width * width;
  const { lines } = scratch;
  for (let y = 0, line = 0; y < side; y++) {
    for (let at = y * side, end = at + width; at < end; at++, line++) {
      const three = (means[at] as number) + (means[at + 1] as number) + (means[at + 2] as number);
      lines[line] = three + (means[at + 3] as number) + (means[at + 4] as number);
    }
  }
  for (let y = 0, at = 0; y < width; y++) {
    for (let own = (y + around) * side + around, end = own + width; own < end; own++, at++) {
      const three = (lines[at] as number) + (lines[at + width] as number) + (lines[at + 2 * width] as number);
      const sum = three + (lines[at + 3 * width] as number) + (lines[at + 4 * width] as number);
      grain[at] = (means[own] as number) - sum / (2 * around + 1) ** 2;
    }
  }
  withoutStripes(grain, width);
  const most = 2 * middleOf(grain, count);
  for (let at = 0; at < count; at++) {
    const own = grain[at] as number;
    grain[at] = own > most ? most : own < -most ? -most : own;
  }
  return grain;
}

/** Takes the mean off each line and each column: parallel traces are the same in every design that has some. */
function withoutStripes(grain: Float64Array, width: number): void {
  const sums = scratch.columns.fill(0);
  for (let from = 0; from < width * width; from += width) {
    let sum = 0;
    for (let x = 0; x < width; x++) sum += grain[from + x] as number;
    const mean = sum / width;
    for (let x = 0; x < width; x++) {
      const own = (grain[from + x] as number) - mean;
      grain[from + x] = own;
      sums[x] = (sums[x] as number) + own;
    }
  }
  for (let x = 0; x < width; x++) sums[x] = (sums[x] as number) / width;
  for (let from = 0; from < width * width; from += width) {
    for (let x = 0; x < width; x++) grain[from + x] = (grain[from + x] as number) - (sums[x] as number);
  }
}

/** Values in single precision, whose bits without the sign are in the order of their sizes. */
const singles = new Float32Array(mostFields * mostFields);
const bitsOf = new Int32Array(singles.buffer);
/** Of the bits those of the power of two and five more. */
const sizeOf = (bits: number): number => (bits & 0x7fffffff) >> 18;
const counts = new Int32Array(1 << 13);

/** The middle size of the first `count` values, found without sorting more than those of about its size. */
function middleOf(values: Float64Array, count: number): number {
  singles.set(values.subarray(0, count));
  counts.fill(0);
  for (let at = 0; at < count; at++) {
    const size = sizeOf(bitsOf[at] as number);
    counts[size] = (counts[size] as number) + 1;
  }
  let [size, rank] = [0, count >> 1];
  for (; rank >= (counts[size] as number); size++) rank -= counts[size] as number;
  const alike = new Float64Array(counts[size] as number);
  for (let at = 0, to = 0; at < count; at++) {
    if (sizeOf(bitsOf[at] as number) === size) alike[to++] = Math.abs(values[at] as number);
  }
  return alike.sort()[rank] as number;
}

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
