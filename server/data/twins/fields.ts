import type { GrayImage } from "../decode/gray-image.ts";

/**
 * Mean gray levels of a square of fields, row by row, whatever the size and the proportions of the image. Each field takes
 * its exact share of the pixels at its edges, so that a mirrored image has mirrored fields.
 */
export function fieldMeans({ width, height, data }: GrayImage, side: number): Float64Array {
  const lines = new Float64Array(height * side);
  const columns = sharesOf(width, side);
  for (let y = 0; y < height; y++) {
    for (const [field, { from, weights }] of columns.entries()) {
      let sum = 0;
      for (let at = 0; at < weights.length; at++) {
        sum += (weights[at] as number) * (data[y * width + from + at] as number);
      }
      lines[y * side + field] = sum;
    }
  }
  const fields = new Float64Array(side * side);
  for (const [field, { from, weights }] of sharesOf(height, side).entries()) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (let at = 0; at < weights.length; at++) {
        sum += (weights[at] as number) * (lines[(from + at) * side + x] as number);
      }
      fields[field * side + x] = sum;
    }
  }
  return fields;
}

/** The pixels that each field covers along one side, with their shares of its mean. */
function sharesOf(length: number, side: number): { readonly from: number; readonly weights: Float64Array }[] {
  const step = length / side;
  return Array.from({ length: side }, (_, field) => {
    const [start, end] = [field * step, (field + 1) * step];
    const from = Math.min(length - 1, Math.floor(start));
    const to = Math.min(length, Math.max(from + 1, Math.ceil(end - 1e-9)));
    const weights = Float64Array.from({ length: to - from }, (_, at) => {
      return (Math.min(end, from + at + 1) - Math.max(start, from + at)) / step;
    });
    return { from, weights };
  });
}
