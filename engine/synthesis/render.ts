import { boxMean } from "../image/filters.ts";
import { type Gray, resizeGray } from "../image/gray.ts";
import { findMaterials } from "../pair/exposure.ts";
import { moveGolden } from "../pair/motion.ts";
import { normalDraw } from "../random.ts";

/** Whether the defect brings the dark or the light material. */
export type Brings = "dark" | "light";

const NEAR_PX = 14;

/**
 * Draws a defect into a clean image: inside the mask the surface takes the level that the brought material has near by,
 * with its grain, over soft edges. Without `brings`, the opposite of what lies under most of the mask is taken.
 */
export function drawDefect(clean: Gray, mask: Gray, brings: Brings | undefined, random: () => number): Gray {
  const { width, height, data } = clean;
  const { dark, light } = findMaterials(data, data);
  const cut = (dark + light) / 2;
  const fitted = resizeGray(mask, width, height).data.map((v) => (v > 127 ? 1 : 0));
  let under = 0;
  let marked = 0;
  for (let p = 0; p < fitted.length; p++) {
    if (fitted[p] === 0) continue;
    marked++;
    if ((data[p] as number) < cut) under++;
  }
  const wanted = brings ?? (under * 2 > marked ? "light" : "dark");
  const levels = nearLevels(clean, wanted, cut, wanted === "dark" ? dark : light);
  const alpha = boxMean(Float32Array.from(fitted), width, height, 1);
  const grain = boxMean(
    Float32Array.from(data, () => normalDraw(random) * 5),
    width,
    height,
    1,
  );
  const out = new Float32Array(data.length);
  for (let p = 0; p < out.length; p++) {
    const a = alpha[p] as number;
    out[p] = (data[p] as number) * (1 - a) + ((levels[p] as number) + (grain[p] as number)) * a;
  }
  return { width, height, data: out };
}

/** Mean level of one material within `NEAR_PX`, or its overall level where none is near. */
function nearLevels(image: Gray, wanted: Brings, cut: number, overall: number): Float32Array {
  const { width, height, data } = image;
  const own = Float32Array.from(data, (level) =>
    level < cut === (wanted === "dark") && Math.abs(level - overall) < 25 ? 1 : 0,
  );
  const share = boxMean(own, width, height, NEAR_PX);
  const sum = boxMean(
    own.map((on, p) => on * (data[p] as number)),
    width,
    height,
    NEAR_PX,
  );
  return sum.map((level, p) => ((share[p] as number) > 0.02 ? level / (share[p] as number) : overall));
}

/**
 * Captures an image once more as an inspection camera would: shift below 0.8 px, turn below 0.2 degrees, slightly other
 * gain, offset and slope of light, sensor noise. Levels stay within 0..255.
 */
export function recapture(image: Gray, random: () => number): Gray {
  const { width, height } = image;
  const spread = (size: number) => (random() * 2 - 1) * size;
  const moved = moveGolden(image, { dx: spread(0.8), dy: spread(0.8), turn: spread(0.0035) }).level;
  const gain = 1 + spread(0.05);
  const offset = spread(6);
  const slopeX = spread(8);
  const slopeY = spread(8);
  const data = new Float32Array(moved.length);
  for (let p = 0; p < data.length; p++) {
    const x = (p % width) / width - 0.5;
    const y = Math.floor(p / width) / height - 0.5;
    const level =
      110 + ((moved[p] as number) - 110) * gain + offset + slopeX * x + slopeY * y + normalDraw(random) * 2.2;
    data[p] = Math.max(0, Math.min(255, level));
  }
  return { width, height, data };
}
