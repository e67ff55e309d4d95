import { correlationAt, type Fields, fieldsOf } from "../data/correlation.ts";
import type { GrayImage } from "../data/decode/gray-image.ts";

/** Fields on the longer side: fine enough to measure a shift, coarse enough for noise not to matter. */
const side = 48;
/** Largest shift in fields, an eighth of the image. */
const reach = 6;
/** Gray levels of deviation below which an image is flat: grain and noise of bare laminate stay below. */
const flat = 6;

/** How a golden image lies to the inspected one. */
export type Alignment = {
  /** Correlation at the best shift, -1..1; null when either image shows nothing to go by. */
  readonly correlation: number | null;
  /** The golden's pixel (x + dx, y + dy) shows what the inspected one's (x, y) shows. */
  readonly dx_px: number;
  readonly dy_px: number;
};

/** The fields that an image is aligned by. */
export const alignmentFields = (image: GrayImage) => fieldsOf(image, side);

/** Finds the shift at which two images of about one size are most alike. Images of other proportions are no pair. */
export function alignFields(inspected: Fields, golden: Fields): Alignment {
  const none = { correlation: 0, dx_px: 0, dy_px: 0 };
  if (Math.abs(inspected.across - golden.across) > 1 || Math.abs(inspected.down - golden.down) > 1) return none;
  const at = (dx: number, dy: number) => correlationAt(inspected, golden, dx, dy, flat);
  const unmoved = at(0, 0);
  if (unmoved === null) return { ...none, correlation: null };
  let best = { dx: 0, dy: 0, found: unmoved, score: unmoved };
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const found = at(dx, dy);
      if (found === null) continue;
      // Of shifts that explain the images equally well, as on a comb of pins, the smaller one is meant.
      const score = found - 0.004 * Math.hypot(dx, dy);
      if (score > best.score) best = { dx, dy, found, score };
    }
  }
  const { dx, dy, found } = best;
  const fine = (before: number | null, after: number | null) => peakOf(before, found, after);
  return {
    correlation: Math.round(found * 1000) / 1000,
    dx_px: rounded((dx + fine(at(dx - 1, dy), at(dx + 1, dy))) * golden.scale),
    dy_px: rounded((dy + fine(at(dx, dy - 1), at(dx, dy + 1))) * golden.scale),
  };
}

function rounded(pixels: number): number {
  return Math.round(pixels * 10) / 10 || 0;
}

/** Where a parabola through three values has its peak, as an offset of the middle one. */
function peakOf(before: number | null, middle: number, after: number | null): number {
  if (before === null || after === null) return 0;
  const bend = before - 2 * middle + after;
  return bend >= -1e-6 ? 0 : Math.max(-0.5, Math.min(0.5, (before - after) / (2 * bend)));
}
