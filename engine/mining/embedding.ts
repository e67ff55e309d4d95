import { boxMean } from "../image/filters.ts";
import { type Gray, resizeGray } from "../image/gray.ts";
import { WORK_SIDE } from "../pair/evidence.ts";
import { PAIR_FEATURES, pairUnits } from "../pair/features.ts";
import { normalDraw, randomStream } from "../random.ts";

/** Name and version of the embedding; cached vectors of another version are never used. */
export const EMBEDDING_KIND = "embed2";

const PAIR_SIZE = 192;
const IMAGE_SIZE = 64;

/** Length of an embedding. */
export const EMBEDDING_SIZE = PAIR_SIZE + IMAGE_SIZE;

/** How far apart, in units of the features, two pairs may be before they count as different things. */
const PAIR_REACH = 17;
const IMAGE_REACH = 6;
/** Share of the squared length that the pair has; the image alone has the rest. */
const PAIR_SHARE = 0.9;

const SEED = 20_041;
let projections: { pair: Projection; image: Projection } | undefined;

/** The change of level that counts as an edge, and one that is less in any arithmetic. */
const EDGE = 12;
const NEAR_EDGE = 11.9;

/** Values that describe one image without its golden image, `IMAGE_VALUES` of them. */
const IMAGE_VALUES = 28;

/**
 * Embeds one inspected image, of length 1.
 *
 * The two parts are random cosine features of a Gaussian kernel, so that the cosine of two embeddings falls smoothly from
 * 1 with the distance of what they describe: the difference to the golden image where one is known (`pairFeatures`), and
 * the image itself. Without a golden image the first part is 0 and such images are like one another only.
 */
export function embedImage(image: Gray, pairFeatures: ArrayLike<number> | undefined): Float32Array {
  projections ??= {
    pair: createProjection(PAIR_FEATURES, PAIR_SIZE, PAIR_REACH, SEED),
    image: createProjection(IMAGE_VALUES, IMAGE_SIZE, IMAGE_REACH, SEED + 1),
  };
  const out = new Float64Array(EMBEDDING_SIZE);
  if (pairFeatures !== undefined) {
    const units = pairUnits();
    const values = Array.from(pairFeatures, (value, i) => value / (units[i] as number));
    out.set(unitLength(project(projections.pair, values), Math.sqrt(PAIR_SHARE)));
  }
  const share = pairFeatures === undefined ? 1 : 1 - PAIR_SHARE;
  out.set(unitLength(project(projections.image, describeImage(image)), Math.sqrt(share)), PAIR_SIZE);
  return Float32Array.from(unitLength(out, 1));
}

/** `weights` holds, for each input, its weight in every output. */
type Projection = { readonly weights: Float64Array; readonly phases: Float64Array };

function createProjection(inputs: number, outputs: number, reach: number, seed: number): Projection {
  const random = randomStream(seed);
  const weights = new Float64Array(inputs * outputs);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) weights[i * outputs + o] = normalDraw(random) / reach;
  }
  const phases = new Float64Array(outputs).map(() => 2 * Math.PI * random());
  return { weights, phases };
}

function project({ weights, phases }: Projection, values: readonly number[]): Float64Array {
  const sums = Float64Array.from(phases);
  for (let i = 0; i < values.length; i++) addScaled(sums, weights, i * sums.length, values[i] as number);
  return sums.map(Math.cos);
}

function addScaled(sums: Float64Array, weights: Float64Array, first: number, value: number): void {
  for (let o = 0; o < sums.length; o++) sums[o] = (sums[o] as number) + (weights[first + o] as number) * value;
}

function unitLength(vector: Float64Array, length: number): Float64Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
  return vector.map((value) => (value * length) / norm);
}

/** Level histogram (12 bins), edge directions (8), level at 2x4 coarse places: coarse enough to bear small shifts. */
function describeImage(image: Gray): number[] {
  const side = WORK_SIDE;
  const { data } = resizeGray(image, side, side);
  const soft = boxMean(data, side, side, 1);
  const levels = new Float64Array(12);
  const directions = new Float64Array(8);
  for (let row = 1; row < side - 1; row++) countRow(levels, directions, soft, row * side);
  const coarse = resizeGray({ width: side, height: side, data: soft }, 4, 2).data;
  const pixels = side * side;
  return [
    ...levels.map((count) => Math.sqrt(count / pixels) * 4),
    ...directions.map((sum) => Math.sqrt(sum / pixels) / 1.5),
    ...Array.from(coarse, (level) => level / 60),
  ];
}

/** Adds the places of one row: their levels, and the strength of edges by direction. */
function countRow(levels: Float64Array, directions: Float64Array, soft: Float32Array, first: number): void {
  const side = WORK_SIDE;
  for (let p = first + 1; p < first + side - 1; p++) {
    const bin = Math.min(11, (soft[p] as number) / 21.34) | 0;
    levels[bin] = (levels[bin] as number) + 1;
    const gx = (soft[p + 1] as number) - (soft[p - 1] as number);
    const gy = (soft[p + side] as number) - (soft[p - side] as number);
    // The exact length is dear, and most places are far below.
    if (gx * gx + gy * gy < NEAR_EDGE * NEAR_EDGE) continue;
    const strength = Math.hypot(gx, gy);
    if (strength < EDGE) continue;
    const sector = Math.min(7, ((Math.atan2(gy, gx) + Math.PI) / (2 * Math.PI)) * 8) | 0;
    directions[sector] = (directions[sector] as number) + strength;
  }
}
