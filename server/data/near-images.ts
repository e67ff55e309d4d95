import { grayDifference, type ImageContent, readGray } from "./image-content.ts";

/** How alike two images are beyond equal pixels: `copy` differs by rounding alone, `near` by a re-encoding or less. */
export type Likeness = "copy" | "near";

/** Mean gray difference of fields that two images may have at most to be looked at more closely. */
const fieldLimit = 1.5;
/** Other decoders round differently by a few levels. */
const copyLimits = { mean: 0.75, most: 6 };
/**
 * JPEG quality 80 changes a board image by 2.3 levels at most; the two most alike images of different boards differ by
 * 2.6 (DeepPCB) and 3.2 (generated boards).
 */
const nearMean = 2.5;
/** Pairs that are decoded again and compared pixel by pixel, at most. */
const pairLimit = 2000;

type Held = { readonly path: string; readonly row: number; readonly mean: number; readonly fields: Uint8Array };

/** Finds, for an image, the most alike one of a set: by coarse gray fields first, then by its pixels. */
export type NearIndex = {
  add(path: string, row: number, content: ImageContent): void;
  find(path: string, content: ImageContent): Promise<{ row: number; likeness: Likeness } | undefined>;
};

export function nearIndex(): NearIndex {
  const held: Held[] = [];
  let sorted = true;
  let pairs = 0;
  return {
    add(path, row, content) {
      const fields = fieldsOf(content);
      if (fields === undefined) return;
      held.push({ path, row, mean: meanOf(fields), fields });
      sorted = false;
    },
    async find(path, content) {
      const fields = fieldsOf(content);
      if (fields === undefined) return undefined;
      if (!sorted) held.sort((a, b) => a.mean - b.mean);
      sorted = true;
      const nearest = nearestOf(held, fields);
      if (nearest === undefined || pairs >= pairLimit) return undefined;
      pairs++;
      const likeness = await compare(path, nearest.path);
      return likeness === undefined ? undefined : { row: nearest.row, likeness };
    },
  };
}

function nearestOf(held: readonly Held[], fields: Uint8Array): Held | undefined {
  const mean = meanOf(fields);
  let best: Held | undefined;
  let least = fieldLimit * fields.length;
  for (let at = firstAtLeast(held, mean - fieldLimit); at < held.length; at++) {
    const one = held[at];
    if (one === undefined || one.mean > mean + fieldLimit) break;
    const distance = distanceBelow(one.fields, fields, least);
    if (distance === undefined) continue;
    best = one;
    least = distance;
  }
  return best;
}

/** Sum of differences, or undefined as soon as it passes `limit`. */
function distanceBelow(a: Uint8Array, b: Uint8Array, limit: number): number | undefined {
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
    if (sum > limit) return undefined;
  }
  return sum;
}

function firstAtLeast(held: readonly Held[], mean: number): number {
  let from = 0;
  let to = held.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((held[middle]?.mean ?? 0) < mean) from = middle + 1;
    else to = middle;
  }
  return from;
}

async function compare(a: string, b: string): Promise<Likeness | undefined> {
  const [left, right] = [await readGray(a), await readGray(b)];
  const difference = left && right && grayDifference(left, right);
  if (difference === undefined) return undefined;
  if (difference.mean <= copyLimits.mean && difference.most <= copyLimits.most) return "copy";
  return difference.mean <= nearMean ? "near" : undefined;
}

function fieldsOf({ fields }: ImageContent): Uint8Array | undefined {
  return fields === undefined ? undefined : Buffer.from(fields, "base64");
}

function meanOf(fields: Uint8Array): number {
  let sum = 0;
  for (const field of fields) sum += field;
  return sum / Math.max(1, fields.length);
}
