import type { GrayImage } from "../decode/gray-image.ts";

/**
 * Mean gray levels of a square of fields, row by row, whatever the size and the proportions of the image. Each field takes
 * its exact share of the pixels at its edges, so that a mirrored image has mirrored fields.
 */
export function fieldMeans({ width, height, data }: GrayImage, side: number): Float64Array {
  const lines = new Float64Array(height * side);
  const across = sharesOf(width, side);
  for (let y = 0, line = 0; y < height; y++) {
    for (let field = 0, share = 0; field < side; field++, line++) {
      let at = y * width + (across.from[field] as number);
      let sum = 0;
      for (const end = across.first[field + 1] as number; share < end; share++) {
        sum += (across.weights[share] as number) * (data[at++] as number);
      }
      lines[line] = sum;
    }
  }
  const fields = new Float64Array(side * side);
  const down = sharesOf(height, side);
  for (let field = 0, share = 0; field < side; field++) {
    let line = (down.from[field] as number) * side;
    for (const end = down.first[field + 1] as number; share < end; share++, line += side) {
      const weight = down.weights[share] as number;
      for (let x = 0, to = field * side; x < side; x++, to++) {
        fields[to] = (fields[to] as number) + weight * (lines[line + x] as number);
      }
    }
  }
  return fields;
}

/** The pixels that each field covers along one side: the first one, and their shares of its mean, one field after another. */
type Shares = { readonly from: Int32Array; readonly first: Int32Array; readonly weights: Float64Array };

/** Images of a workspace have few sizes; those of the last ones are kept. */
const known = new Map<string, Shares>();
const mostKnown = 64;

function sharesOf(length: number, side: number): Shares {
  const key = `${length} ${side}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= mostKnown) known.clear();
  const shares = newShares(length, side);
  known.set(key, shares);
  return shares;
}

function newShares(length: number, side: number): Shares {
  const step = length / side;
  const [from, first] = [new Int32Array(side), new Int32Array(side + 1)];
  const weights: number[] = [];
  for (let field = 0; field < side; field++) {
    const [start, end] = [field * step, (field + 1) * step];
    const begin = Math.min(length - 1, Math.floor(start));
    const to = Math.min(length, Math.max(begin + 1, Math.ceil(end - 1e-9)));
    for (let at = begin; at < to; at++) weights.push((Math.min(end, at + 1) - Math.max(start, at)) / step);
    from[field] = begin;
    first[field + 1] = weights.length;
  }
  return { from, first, weights: Float64Array.from(weights) };
}
