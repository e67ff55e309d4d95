import { dilate, erode } from "../image/filters.ts";
import { type Gray, resizeGray } from "../image/gray.ts";
import { type Exposure, findMaterials, type Materials, matchExposure } from "./exposure.ts";
import { type Motion, moveGolden } from "./motion.ts";
import { registerGolden } from "./register.ts";

/** Side, in pixels, of the square on which pairs are compared, whatever size the images have. */
export const WORK_SIDE = 96;

/**
 * A registered and exposure-matched pair in material coordinates: 0 is the dark material, 1 the light one.
 *
 * `rise` and `fall` hold, for a neighbourhood of 1 and 2 px, by how much the test image is lighter than the lightest, or
 * darker than the darkest, golden level near by: displaced edges give nothing, a changed material does.
 */
export type Evidence = {
  test: Float32Array;
  golden: Float32Array;
  rise: Float32Array[];
  fall: Float32Array[];
  motion: Motion;
  materials: Materials;
  contrast: Float32Array;
};

/** Registers, matches and compares one test image with its golden image. */
export function compareImages(testImage: Gray, goldenImage: Gray): Evidence {
  const side = WORK_SIDE;
  const test = resizeGray(testImage, side, side);
  const still = resizeGray(goldenImage, side, side);
  const motion = registerGolden(test, still);
  const { level: moved, known } = moveGolden(still, motion);
  const materials = findMaterials(moved, test.data);
  const exposure = matchExposure(test.data, moved, side, side, materials);
  const golden = inMaterials(moved, materials);
  const level = withChange(golden, test.data, known, exposure);
  const rise: Float32Array[] = [];
  const fall: Float32Array[] = [];
  const highest = golden.slice();
  const lowest = golden.slice();
  for (let r = 1; r <= 2; r++) {
    dilate(highest, side, side);
    erode(lowest, side, side);
    rise.push(positivePart(level, highest));
    fall.push(positivePart(lowest, level));
  }
  return { test: level, golden, rise, fall, motion, materials, contrast: exposure.contrast };
}

function inMaterials(levels: Float32Array, { dark, light }: Materials): Float32Array {
  const span = light - dark;
  const out = new Float32Array(levels.length);
  for (let p = 0; p < out.length; p++) out[p] = ((levels[p] as number) - dark) / span;
  return out;
}

/** The golden image's levels and what the test image has beyond the fitted ones. */
function withChange(
  golden: Float32Array,
  test: Float32Array,
  known: Uint8Array,
  { fitted, contrast }: Exposure,
): Float32Array {
  const out = new Float32Array(golden.length);
  for (let p = 0; p < out.length; p++) {
    const change = known[p] === 1 ? ((test[p] as number) - (fitted[p] as number)) / (contrast[p] as number) : 0;
    out[p] = (golden[p] as number) + change;
  }
  return out;
}

function positivePart(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let p = 0; p < a.length; p++) {
    const difference = (a[p] as number) - (b[p] as number);
    // Without a branch, which would go either way at random.
    out[p] = (difference + Math.abs(difference)) / 2;
  }
  return out;
}
