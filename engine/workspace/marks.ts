import type { Material, Nuisance } from "./material.ts";
import { between, type Random, wholeBetween } from "./random.ts";

/** Bound once: they are called for every pixel. */
const { floor, hypot, max, min } = Math;

/** Lays dust and print over a capture. Marks never take the level of copper or laminate: that tells them from defects. */
export function addMarks(
  gray: Float32Array,
  side: number,
  material: Pick<Material, "copper" | "laminate">,
  nuisance: readonly Nuisance[],
  random: Random,
): void {
  if (nuisance.includes("dust")) addDust(gray, side, material, random);
  if (nuisance.includes("print")) addPrint(gray, side, material, random);
}

function addDust(
  gray: Float32Array,
  side: number,
  material: Pick<Material, "copper" | "laminate">,
  random: Random,
): void {
  for (let specks = wholeBetween(random, 1, 3); specks > 0; specks--) {
    const level = material.copper + (material.laminate - material.copper) * between(random, 0.35, 0.62);
    const x = between(random, 5, side - 5);
    const y = between(random, 5, side - 5);
    blendDisc(gray, side, x, y, between(random, 1.6, 3.2), level);
    blendDisc(gray, side, x + between(random, -2, 2), y + between(random, -2, 2), between(random, 1.2, 2.4), level);
  }
}

function addPrint(
  gray: Float32Array,
  side: number,
  material: Pick<Material, "copper" | "laminate">,
  random: Random,
): void {
  const level = min(250, material.laminate + between(random, 32, 52));
  const height = between(random, 11, 17);
  const thick = between(random, 0.9, 1.3);
  let x = between(random, 5, side - 34);
  const y = between(random, 5, side - height - 5);
  for (let glyphs = wholeBetween(random, 2, 3); glyphs > 0; glyphs--) {
    const stroke = (x0: number, y0: number, x1: number, y1: number) => {
      const steps = Math.ceil(hypot(x1 - x0, y1 - y0) * height);
      for (let i = 0; i <= steps; i++) {
        const part = i / max(1, steps);
        const px = x + (x0 + (x1 - x0) * part) * height * 0.5;
        blendDisc(gray, side, px, y + (y0 + (y1 - y0) * part) * height, thick, level);
      }
    };
    if (random() < 0.6) stroke(0, 0, 0, 1);
    if (random() < 0.6) stroke(1, 0, 1, 1);
    if (random() < 0.6) stroke(0, 0, 1, 0);
    if (random() < 0.5) stroke(0, 0.5, 1, 0.5);
    stroke(0, 1, 1, random() < 0.5 ? 1 : 0);
    x += height * 0.5 + 5;
  }
}

/** Blends a soft-edged disc of one gray level into the image. */
function blendDisc(gray: Float32Array, side: number, cx: number, cy: number, radius: number, level: number): void {
  const bottom = min(side - 1, Math.ceil(cy + radius + 1));
  const right = min(side - 1, Math.ceil(cx + radius + 1));
  for (let y = max(0, floor(cy - radius - 1)); y <= bottom; y++) {
    for (let x = max(0, floor(cx - radius - 1)); x <= right; x++) {
      const share = max(0, min(1, radius + 0.5 - hypot(x - cx, y - cy)));
      const i = y * side + x;
      gray[i] = (gray[i] ?? 0) * (1 - share) + level * share;
    }
  }
}
