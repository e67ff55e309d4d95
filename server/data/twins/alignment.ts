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

/**
 * How far two pictures agree in their grain, about 0 for two photographs and 1 for one photograph and its copy, at the
 * best place near a first guess of the part of `other` that `one` shows; 0 where already their structure differs.
 *
 * Two good parts of one design have the same structure. Their grain, which is noise, texture and the exact run of edges,
 * is each one's own: it is what is left of a picture without its local means, clipped so that strong edges do not decide.
 */
export function grainLikeness(one: Fields, other: Fields, guess: Window): number {
  const first: Place = { x: guess.x, y: guess.y, across: guess.side, down: guess.side };
  const coarse = levelsAt(one, { x: 0, y: 0, across: 1, down: 1 }, points);
  const height = (place: Place) => structure(coarse, other, place);
  const near = climbed(first, 0.06, 0.03, height);
  if (height(near) < hopeful) return 0;
  const own = grainOf(one);
  const asGuessed = guess.side === 1 ? grainAt(own, other, first) : 0;
  if (asGuessed >= 2 * worthwhile && height(first) >= sameStructure) return asGuessed;
  const found = climbed(near, 0.015, 0.002, height);
  if (height(found) < sameStructure) return 0;
  const there = grainAt(own, other, found);
  if (there < worthwhile) return Math.max(0, there, asGuessed);
  const exact = climbed(found, 0.004, 0.001, (place) => grainAt(own, other, place));
  return Math.max(asGuessed, grainAt(own, other, exact));
}

/** Goes uphill from a place in ever smaller steps. */
function climbed(from: Place, largest: number, smallest: number, heightOf: (place: Place) => number): Place {
  let place = from;
  let best = heightOf(place);
  for (let step = largest; step >= smallest; step /= 2) {
    for (let improved = true; improved; ) {
      improved = false;
      for (const near of neighbours(place, step)) {
        const found = heightOf(near);
        if (found <= best + 1e-5) continue;
        [best, place, improved] = [found, near, true];
      }
    }
  }
  return place;
}

/** A step to each side, and one wider, narrower, higher and lower about the middle. */
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

/** Correlation of coarse points with those of `other` that lie under them; brightness and contrast do not count. */
function structure(coarse: Float64Array, other: Fields, place: Place): number {
  if (!isInside(place)) return -1;
  const under = levelsAt(other, place, points);
  let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
  for (let at = 0; at < under.length; at++) {
    const p = coarse[at] as number;
    const q = under[at] as number;
    sa += p;
    sb += q;
    saa += p * p;
    sbb += q * q;
    sab += p * q;
  }
  const n = points * points;
  const [va, vb] = [saa - (sa * sa) / n, sbb - (sb * sb) / n];
  if (va < flat * flat * n || vb < flat * flat * n) return -1;
  return (sab - (sa * sb) / n) / Math.sqrt(va * vb);
}

function grainAt(own: Float64Array, other: Fields, place: Place): number {
  if (!isInside(place)) return -1;
  const { side } = other;
  const grain = grainOf({ side, means: levelsAt(other, place, side) });
  let [saa, sbb, sab] = [0, 0, 0];
  for (let at = 0; at < own.length; at++) {
    const [p, q] = [own[at] as number, grain[at] as number];
    saa += p * p;
    sbb += q * q;
    sab += p * q;
  }
  return saa === 0 || sbb === 0 ? 0 : sab / Math.sqrt(saa * sbb);
}

/** Fields around one of which the mean is taken off. */
const around = 2;

/** What is left of a picture without its local means and stripes, no more of any field than twice the middle one. */
function grainOf({ side, means }: Fields): Float64Array {
  const width = side - 2 * around;
  const grain = new Float64Array(width * width);
  const lines = new Float64Array(side * width);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let at = 0; at <= 2 * around; at++) sum += means[y * side + x + at] as number;
      lines[y * width + x] = sum;
    }
  }
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let at = 0; at <= 2 * around; at++) sum += lines[(y + at) * width + x] as number;
      const own = means[(y + around) * side + x + around] as number;
      grain[y * width + x] = own - sum / (2 * around + 1) ** 2;
    }
  }
  withoutStripes(grain, width);
  const most = 2 * middleOf(grain);
  for (let at = 0; at < grain.length; at++) grain[at] = Math.max(-most, Math.min(most, grain[at] as number));
  return grain;
}

/** Takes the mean off each line and each column: parallel traces are the same in every design that has some. */
function withoutStripes(grain: Float64Array, width: number): void {
  for (const [step, stride] of [
    [1, width],
    [width, 1],
  ] as const) {
    for (let line = 0; line < width; line++) {
      let sum = 0;
      for (let at = 0; at < width; at++) sum += grain[line * stride + at * step] as number;
      for (let at = 0; at < width; at++) {
        const place = line * stride + at * step;
        grain[place] = (grain[place] as number) - sum / width;
      }
    }
  }
}

/** The middle size of values, found without sorting them: what lies on the wrong side changes sides, again and again. */
function middleOf(values: Float64Array): number {
  const sizes = values.map(Math.abs);
  const middle = sizes.length >> 1;
  for (let [low, high] = [0, sizes.length - 1]; low < high; ) {
    const pivot = sizes[middle] as number;
    let [left, right] = [low, high];
    while (left <= right) {
      while ((sizes[left] as number) < pivot) left++;
      while ((sizes[right] as number) > pivot) right--;
      if (left > right) break;
      const size = sizes[left] as number;
      sizes[left++] = sizes[right] as number;
      sizes[right--] = size;
    }
    if (right < middle) low = left;
    if (left > middle) high = right;
  }
  return sizes[middle] as number;
}

/** Where points along one side of a picture lie between the middles of its fields: the field before each, and how far on. */
type Steps = { readonly field: Int32Array; readonly beyond: Float64Array };

function stepsOf(side: number, places: Float64Array): Steps {
  const at = places.map((place) => Math.min(side - 1.001, Math.max(0, place * side - 0.5)));
  const field = Int32Array.from(at);
  return { field, beyond: at.map((one, point) => one - (field[point] as number)) };
}

/** Places of `count` points in the middles of as many parts of a length, in shares of a side. */
function pointsIn(count: number, start: number, length: number): Float64Array {
  const places = new Float64Array(count);
  for (let at = 0; at < count; at++) places[at] = start + ((at + 0.5) / count) * length;
  return places;
}

/** Levels of a picture at `count` x `count` points of a place. */
function levelsAt({ side, means }: Fields, { x, y, across, down }: Place, count: number): Float64Array {
  const columns = stepsOf(side, pointsIn(count, x, across));
  const rows = stepsOf(side, pointsIn(count, y, down));
  const levels = new Float64Array(count * count);
  for (let row = 0, at = 0; row < count; row++) {
    const dy = rows.beyond[row] as number;
    const line = (rows.field[row] as number) * side;
    for (let column = 0; column < count; column++, at++) {
      const dx = columns.beyond[column] as number;
      const corner = line + (columns.field[column] as number);
      const top = (means[corner] as number) * (1 - dx) + (means[corner + 1] as number) * dx;
      const bottom = (means[corner + side] as number) * (1 - dx) + (means[corner + side + 1] as number) * dx;
      levels[at] = top * (1 - dy) + bottom * dy;
    }
  }
  return levels;
}
