import type { Material, Nuisance } from "./material.ts";
import { between, type Random, wholeBetween } from "./random.ts";
import type { Point } from "./raster.ts";

/** Bound once: they are called for every pixel. */
const { ceil, floor, hypot, max, min } = Math;

/** A capture under work: its gray levels, the board's materials and the place that no mark may hide. */
export type Canvas = {
  readonly gray: Float32Array;
  readonly side: number;
  readonly material: Pick<Material, "copper" | "laminate">;
  readonly keep_clear?: Point | undefined;
};

/** Pixels around a defect that stay free of marks: a hidden defect could teach and test nothing. */
const CLEAR = 11;
const TRIES = 40;

/** Lays dust and print over a capture. Marks never take the level of copper or laminate: that tells them from defects. */
export function addMarks(canvas: Canvas, nuisance: readonly Nuisance[], random: Random): void {
  if (nuisance.includes("dust")) addDust(canvas, random);
  if (nuisance.includes("print")) addPrint(canvas, random);
}

/** The upper left corner of a mark of the given size, away from what has to stay visible if there is room. */
function placeFor(canvas: Canvas, width: number, height: number, random: Random): Point {
  const { side, keep_clear: clear } = canvas;
  for (let tries = TRIES; ; tries--) {
    const x = between(random, 4, side - 4 - width);
    const y = between(random, 4, side - 4 - height);
    if (clear === undefined || tries === 0) return { x, y };
    const apart = hypot(clear.x - max(x, min(clear.x, x + width)), clear.y - max(y, min(clear.y, y + height)));
    if (apart >= CLEAR) return { x, y };
  }
}

function addDust(canvas: Canvas, random: Random): void {
  const { copper, laminate } = canvas.material;
  for (let specks = wholeBetween(random, 1, 3); specks > 0; specks--) {
    const level = copper + (laminate - copper) * between(random, 0.35, 0.62);
    const { x, y } = placeFor(canvas, 2, 2, random);
    blendDisc(canvas, x, y, between(random, 1.6, 3.2), level);
    blendDisc(canvas, x + between(random, -2, 2), y + between(random, -2, 2), between(random, 1.2, 2.4), level);
  }
}

function addPrint(canvas: Canvas, random: Random): void {
  const level = min(250, canvas.material.laminate + between(random, 32, 52));
  const height = between(random, 11, 17);
  const thick = between(random, 0.9, 1.3);
  const glyphs = wholeBetween(random, 2, 3);
  const pace = height * 0.5 + 5;
  const corner = placeFor(canvas, glyphs * pace, height, random);
  for (let glyph = 0; glyph < glyphs; glyph++) {
    const stroke = (x0: number, y0: number, x1: number, y1: number) => {
      const steps = max(1, ceil(hypot(x1 - x0, y1 - y0) * height));
      for (let i = 0; i <= steps; i++) {
        const x = corner.x + glyph * pace + (x0 + ((x1 - x0) * i) / steps) * height * 0.5;
        blendDisc(canvas, x, corner.y + (y0 + ((y1 - y0) * i) / steps) * height, thick, level);
      }
    };
    if (random() < 0.6) stroke(0, 0, 0, 1);
    if (random() < 0.6) stroke(1, 0, 1, 1);
    if (random() < 0.6) stroke(0, 0, 1, 0);
    if (random() < 0.5) stroke(0, 0.5, 1, 0.5);
    stroke(0, 1, 1, random() < 0.5 ? 1 : 0);
  }
}

/** Blends a soft-edged disc of one gray level into the image. */
function blendDisc({ gray, side }: Canvas, cx: number, cy: number, radius: number, level: number): void {
  const bottom = min(side - 1, ceil(cy + radius + 1));
  const right = min(side - 1, ceil(cx + radius + 1));
  for (let y = max(0, floor(cy - radius - 1)); y <= bottom; y++) {
    for (let x = max(0, floor(cx - radius - 1)); x <= right; x++) {
      const share = max(0, min(1, radius + 0.5 - hypot(x - cx, y - cy)));
      const i = y * side + x;
      gray[i] = (gray[i] ?? 0) * (1 - share) + level * share;
    }
  }
}
