import type { GrayImage } from "./decode/gray-image.ts";

/** A coarse picture of an image: its size and the mean gray of some fields, one byte each. Alike images have alike fields. */
export type Sketch = { readonly width: number; readonly height: number; readonly fields: Uint8Array };

/** `head` shows the first rows only, which are decoded at a fraction of the cost; `whole` shows all. */
export type Depth = "head" | "whole";

/** Rows of a `head`. */
export const headRows = 16;
const grids = { head: { across: 16, down: 2 }, whole: { across: 16, down: 16 } } as const;

/** Sketches an image of `height` rows of which `gray` has the first ones or all. */
export function sketchOf(gray: GrayImage, depth: Depth, height: number): Sketch {
  const { across, down } = grids[depth];
  const sums = new Float64Array(across * down);
  const counts = new Uint32Array(across * down);
  for (let y = 0; y < gray.height; y++) {
    const line = Math.floor((y * down) / gray.height) * across;
    for (let column = 0; column < across; column++) {
      const from = Math.ceil((column * gray.width) / across);
      const to = Math.ceil(((column + 1) * gray.width) / across);
      let sum = 0;
      for (let at = y * gray.width + from; at < y * gray.width + to; at++) sum += gray.data[at] as number;
      sums[line + column] = (sums[line + column] as number) + sum;
      counts[line + column] = (counts[line + column] as number) + to - from;
    }
  }
  const fields = Uint8Array.from(sums, (sum, field) => Math.round(sum / Math.max(1, counts[field] as number)));
  return { width: gray.width, height, fields };
}

/** Most that a level may differ in a copy: other decoders round differently by a few levels. */
export const copyLimits = { mean: 0.75, most: 6 } as const;
/**
 * JPEG quality 80 changes a board image by 2.3 levels at most; the two most alike images of different boards differ by
 * 2.6 (DeepPCB) and 3.2 (generated boards).
 */
export const nearMean = 2.5;

/** Rounding of the means of two sketches. */
const rounding = 1;
/** Mean difference of fields up to which a re-compressed copy is looked for. */
const nearFields = { head: 3, whole: 1.5 } as const;

/**
 * How alike two images can still be, going by their sketches: means over fields never differ by more than the levels
 * do, so what is no `copy` here is none in truth. `near` is a good guess.
 */
export function possibleLikeness(a: Sketch, b: Sketch, depth: Depth): "copy" | "near" | undefined {
  if (a.width !== b.width || a.height !== b.height) return undefined;
  const copySum = copyMean(a, depth) * a.fields.length;
  const nearSum = nearFields[depth] * a.fields.length;
  let sum = 0;
  let most = 0;
  for (let at = 0; at < a.fields.length; at++) {
    const difference = Math.abs((a.fields[at] as number) - (b.fields[at] as number));
    sum += difference;
    if (difference > most) most = difference;
    if (sum > nearSum && (sum > copySum || most > copyLimits.most + rounding)) return undefined;
  }
  return sum <= copySum && most <= copyLimits.most + rounding ? "copy" : "near";
}

/** Largest difference that the mean level of two images may have while `possibleLikeness` finds them alike. */
export function meanReach(size: Sketch, depth: Depth): number {
  return Math.max(nearFields[depth], copyMean(size, depth));
}

/** Mean difference of fields that a copy may have: all that the whole image may differ by can lie in its first rows. */
function copyMean({ width, height }: Sketch, depth: Depth): number {
  const share = depth === "whole" ? 1 : Math.max(1, height / headRows);
  // Fields of a small image are of uneven size.
  const mean = Math.min(width, height) < 4 * grids.whole.across ? copyLimits.most : copyLimits.mean * share;
  return Math.min(copyLimits.most, mean) + rounding;
}
