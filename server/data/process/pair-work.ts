import { correlationAt, type Fields, fieldsOf } from "../correlation.ts";
import type { GrayImage } from "../decode/gray-image.ts";
import { copyLimits } from "../sketch.ts";
import { levelsOf } from "./levels.ts";

/** An inspected image and its golden one. */
export type PairFiles = { readonly input: string; readonly golden: string };

export type PairLikeness = {
  /** Correlation of the two, coarse and at the best small shift, -1..1; null when either shows nothing to go by. */
  readonly correlation: number | null;
  /** The two differ by rounding at most. */
  readonly same: boolean;
};

/** Fields on the longer side: coarse enough for defects and noise not to matter. */
const side = 32;
/** Largest shift in fields, an eighth of the image. */
const reach = 4;
/** Pixels on the shorter side below which an image has no places to tell apart. */
const smallest = 16;
/** Gray levels of deviation below which an image is flat. */
const flat = 3;

/** How alike the images of each pair are; undefined where one cannot be decoded. */
export function pairLikenesses(pairs: readonly PairFiles[]): (PairLikeness | undefined)[] {
  return pairs.map(({ input, golden }) => {
    const [one, other] = [levelsOf(input), levelsOf(golden)];
    if (one === undefined || other === undefined) return undefined;
    const tiny = [one, other].some(({ width, height }) => Math.min(width, height) < smallest);
    const correlation = tiny ? null : bestCorrelation(fieldsOf(one, side), fieldsOf(other, side));
    return { correlation, same: isSame(one, other) };
  });
}

function isSame(a: GrayImage, b: GrayImage): boolean {
  if (a.width !== b.width || a.height !== b.height) return false;
  const limit = copyLimits.mean * a.data.length;
  let sum = 0;
  for (let at = 0; at < a.data.length; at++) {
    const difference = Math.abs((a.data[at] as number) - (b.data[at] as number));
    sum += difference;
    if (difference > copyLimits.most || sum > limit) return false;
  }
  return true;
}

function bestCorrelation(a: Fields, b: Fields): number | null {
  let best: number | null = null;
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const found = correlationAt(a, b, dx, dy, flat);
      if (found !== null && (best === null || found > best)) best = found;
    }
  }
  return best;
}
