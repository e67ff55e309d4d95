import { type Evidence, WORK_SIDE } from "./evidence.ts";
import { peakBoxSums } from "./peaks.ts";
import { activePixels, type Blob, findActiveBlobs, topMeans } from "./sparse.ts";

const SIDE = WORK_SIDE;
const { abs, hypot, log, log1p, sqrt } = Math;

/** Name and version of these features; cached vectors of another version are never used. */
export const PAIR_KIND = "pair3";

const BLOB_FEATURES = 9;
const blobUnits = [1.5, 0.2, 0.15, 0.3, 0.3, 0.3, 1, 1, 0.2];
const mapUnits = [
  ...Array<number>(14).fill(0.3),
  ...[1.5, 1.5],
  ...Array<number>(7).fill(1),
  0.7,
  ...blobUnits,
  ...blobUnits,
];

/** Length of the vector that `describePair` returns. */
export const PAIR_FEATURES = 4 * mapUnits.length + 12 + 10;

/** For each feature the difference that counts as one unit when pairs are compared by distance. */
export function pairUnits(): number[] {
  const match = Array<number>(12).fill(0.2);
  const whole = [0.2, 0.2, 0.3, 0.05, 1.5, 1.5, 2, 0.5, 0.3, 0.5];
  return [...mapUnits, ...mapUnits, ...mapUnits, ...mapUnits, ...match, ...whole];
}

/**
 * Describes what changed between a golden and a test image, by how much, how large it is, and whether it has the level of
 * a material (a defect) or one of its own (dust, ink, a stain).
 */
export function describePair(evidence: Evidence): Float32Array {
  const out: number[] = [];
  for (const map of evidence.rise) describeMap(out, map, evidence, 1);
  for (const map of evidence.fall) describeMap(out, map, evidence, 0);
  describeMatch(out, evidence);
  describeWhole(out, evidence);
  return Float32Array.from(out);
}

/** Bounds of the level bins: distance from the material's level, negative on the side of the other material. */
const LEVEL_BOUNDS = [-0.55, -0.35, -0.2, -0.07, 0.1, 0.25];

/** Room for the parts of a map, all 0 between calls: fresh memory costs more than what is done with it. */
const whole = new Float32Array(SIDE * SIDE);
const real = new Float32Array(SIDE * SIDE);
const mark = new Float32Array(SIDE * SIDE);

function describeMap(out: number[], map: Float32Array, evidence: Evidence, target: 0 | 1): void {
  const { test } = evidence;
  const active = activePixels(map, 0.02);
  const levels = new Float64Array(LEVEL_BOUNDS.length + 1);
  let realSum = 0;
  let markSum = 0;
  for (let i = 0; i < active.length; i++) {
    const p = active[i] as number;
    const e = map[p] as number;
    const away = target === 1 ? (test[p] as number) - 1 : -(test[p] as number);
    const misfit = abs(away) / 0.35;
    const fit = misfit >= 1 ? 0 : 1 - misfit;
    whole[p] = e;
    real[p] = e * fit;
    mark[p] = e * (1 - fit);
    realSum += e * fit;
    markSum += e * (1 - fit);
    if (e <= 0.25) continue;
    let bin = 0;
    while (bin < LEVEL_BOUNDS.length && away >= (LEVEL_BOUNDS[bin] as number)) bin++;
    levels[bin] = (levels[bin] as number) + 1;
  }
  out.push(...topMeans(map, active, [3, 9, 25, 60]), ...topMeans(real, active, [3, 9, 25, 60]));
  for (const kind of [whole, real, mark]) {
    const { three, five } = peakBoxSums(kind, active, SIDE);
    out.push(three / 9, five / 25);
  }
  out.push(log1p(realSum), log1p(markSum));
  for (const count of levels) out.push(log1p(count));
  const blobs = findActiveBlobs(real, active, SIDE, 0.3);
  out.push(log1p(blobs.length));
  describeBlob(out, blobs[0], evidence, target);
  describeBlob(out, blobs[1], evidence, target);
  for (let i = 0; i < active.length; i++) {
    const p = active[i] as number;
    whole[p] = 0;
    real[p] = 0;
    mark[p] = 0;
  }
}

/** Around a blob of this many pixels, ink and half-tones tell that it belongs to a mark. */
const AROUND_PX = 7;

function describeBlob(out: number[], blob: Blob | undefined, evidence: Evidence, target: 0 | 1): void {
  if (blob === undefined) {
    for (let i = 0; i < BLOB_FEATURES; i++) out.push(0);
    return;
  }
  const { test, golden } = evidence;
  const n = blob.pixels.length;
  let [sum, squares, x0, x1, y0, y1, ground] = [0, 0, SIDE, 0, SIDE, 0, 0];
  for (let i = 0; i < n; i++) {
    const p = blob.pixels[i] as number;
    const away = (test[p] as number) - target;
    sum += away;
    squares += away * away;
    ground += abs((golden[p] as number) - target);
    const x = p % SIDE;
    const y = (p / SIDE) | 0;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  const mean = sum / n;
  const variance = squares / n - mean * mean;
  out.push(log1p(n), target === 1 ? mean : -mean, variance > 0 ? sqrt(variance) : 0);
  out.push(blob.sum / n, n / ((x1 - x0 + 1) * (y1 - y0 + 1)), ground / n);
  let [ink, half, beyond] = [0, 0, 0];
  for (let y = y0 - AROUND_PX < 0 ? 0 : y0 - AROUND_PX; y <= y1 + AROUND_PX && y < SIDE; y++) {
    for (let x = x0 - AROUND_PX < 0 ? 0 : x0 - AROUND_PX; x <= x1 + AROUND_PX && x < SIDE; x++) {
      const p = y * SIDE + x;
      const t = test[p] as number;
      const over = t > 1 ? t - 1 : t < 0 ? -t : 0;
      if (over > 0.16) ink++;
      if (over > beyond) beyond = over;
      const change = abs(t - (golden[p] as number));
      if (change > 0.25 && change < 0.7 && t > 0.2 && t < 0.8) half++;
    }
  }
  out.push(log1p(ink), log1p(half), beyond);
}

const HALF = SIDE / 2;
const difference = new Float32Array(HALF * HALF);
const THIRD = 1 / 3;
const HALF_PART = 1 / 2;
/** Means along rows of a difference and of its size, between a row of zeros above and one below. */
const signedRows = new Float32Array((HALF + 2) * HALF);
const sizeRows = new Float32Array((HALF + 2) * HALF);

/** Compares patches with the golden image over shifts of up to 2 px, at half size, and describes what none explains. */
function describeMatch(out: number[], evidence: Evidence): void {
  const test = halved(evidence.test);
  const golden = halved(evidence.golden);
  const least = new Float32Array(test.length).fill(9);
  const signed = new Float32Array(test.length);
  for (let shift = 0; shift < 9; shift++) {
    subtractShifted(test, golden, (shift % 3) - 1, ((shift / 3) | 0) - 1, difference);
    for (let y = 0; y < HALF; y++) meanAlongRow(y * HALF);
    for (let y = 0; y < HALF; y++) takeLess(least, signed, y * HALF, y === 0 || y === HALF - 1 ? HALF_PART : THIRD);
  }
  for (const map of [least, ofSign(signed, 1), ofSign(signed, -1)]) {
    out.push(...topMeans(map, activePixels(map, 0.0125), [2, 5, 15, 100]));
  }
}

/** Means over three pixels of a row, at its ends over two. */
function meanAlongRow(first: number): void {
  let before = 0;
  let level = difference[first] as number;
  let sizeBefore = 0;
  let size = abs(level);
  const last = first + HALF - 1;
  for (let p = first; p < last; p++) {
    const next = difference[p + 1] as number;
    const sizeNext = abs(next);
    const part = p === first ? HALF_PART : THIRD;
    signedRows[p + HALF] = (before + level + next) * part;
    sizeRows[p + HALF] = (sizeBefore + size + sizeNext) * part;
    before = level;
    level = next;
    sizeBefore = size;
    size = sizeNext;
  }
  signedRows[last + HALF] = (before + level) / 2;
  sizeRows[last + HALF] = (sizeBefore + size) / 2;
}

/** Where the mean size over 3x3 pixels is less than the least so far, takes it and the mean difference. */
function takeLess(least: Float32Array, taken: Float32Array, first: number, part: number): void {
  for (let p = first; p < first + HALF; p++) {
    const sizes = (sizeRows[p] as number) + (sizeRows[p + HALF] as number) + (sizeRows[p + 2 * HALF] as number);
    const size = Math.fround(sizes * part);
    if (size >= (least[p] as number)) continue;
    least[p] = size;
    const sum = (signedRows[p] as number) + (signedRows[p + HALF] as number) + (signedRows[p + 2 * HALF] as number);
    taken[p] = sum * part;
  }
}

/** The values of a sign as positive ones, the others as 0. */
function ofSign(values: Float32Array, sign: 1 | -1): Float32Array {
  const out = new Float32Array(values.length);
  for (let p = 0; p < out.length; p++) {
    const value = sign * (values[p] as number);
    out[p] = value > 0 ? value : 0;
  }
  return out;
}

/** Writes the difference to the golden image read `dx`, `dy` further; 0 where that is outside. */
function subtractShifted(test: Float32Array, golden: Float32Array, dx: number, dy: number, out: Float32Array): void {
  out.fill(0);
  const [left, right] = [dx < 0 ? -dx : 0, dx > 0 ? HALF - dx : HALF];
  const [top, bottom] = [dy < 0 ? -dy : 0, dy > 0 ? HALF - dy : HALF];
  const step = dy * HALF + dx;
  for (let y = top; y < bottom; y++) {
    for (let p = y * HALF + left; p < y * HALF + right; p++) {
      out[p] = (test[p] as number) - (golden[p + step] as number);
    }
  }
}

function halved(map: Float32Array): Float32Array {
  const out = new Float32Array(HALF * HALF);
  for (let y = 0, p = 0; y < HALF; y++) {
    for (let at = 2 * y * SIDE; at < (2 * y + 1) * SIDE; at += 2, p++) {
      const sum =
        (map[at] as number) + (map[at + 1] as number) + (map[at + SIDE] as number) + (map[at + SIDE + 1] as number);
      out[p] = sum / 4;
    }
  }
  return out;
}

/** Edge content of both images, overall difference, ink and half-tones, and how far registration had to go. */
function describeWhole(out: number[], evidence: Evidence): void {
  const { test, motion, materials } = evidence;
  const sums = new Float64Array(6);
  for (let row = 1; row < SIDE - 1; row++) addRow(sums, evidence, row * SIDE);
  const [edgesTest = 0, edgesGolden = 0, residual = 0, ink = 0, middle = 0, gain = 0] = sums;
  const n = test.length;
  out.push(edgesGolden / n, edgesTest / n, log((edgesTest + 50) / (edgesGolden + 50)), residual / n);
  out.push(log1p(ink), log1p(middle), hypot(motion.dx, motion.dy), abs(motion.turn) * 50);
  out.push(gain / n / 100, materials.both ? 1 : 0);
}

/** A row at a time: the loop over all is compiled too early (`placesAbove`). */
function addRow(sums: Float64Array, { test, golden, contrast }: Evidence, first: number): void {
  let edgesTest = sums[0] as number;
  let edgesGolden = sums[1] as number;
  let residual = sums[2] as number;
  let ink = sums[3] as number;
  let middle = sums[4] as number;
  let gain = sums[5] as number;
  for (let p = first; p < first + SIDE; p++) {
    const t = test[p] as number;
    edgesTest += edgeAt(test, p);
    const g = edgeAt(golden, p);
    edgesGolden += g;
    residual += abs(t - (golden[p] as number));
    gain += contrast[p] as number;
    if (t > 1.2 || t < -0.2) ink++;
    if (g < 0.15 && t > 0.25 && t < 0.75) middle++;
  }
  sums[0] = edgesTest;
  sums[1] = edgesGolden;
  sums[2] = residual;
  sums[3] = ink;
  sums[4] = middle;
  sums[5] = gain;
}

function edgeAt(map: Float32Array, p: number): number {
  return (
    abs((map[p + 1] as number) - (map[p - 1] as number)) + abs((map[p + SIDE] as number) - (map[p - SIDE] as number))
  );
}
