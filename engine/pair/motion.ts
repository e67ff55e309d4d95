import type { Gray } from "../image/gray.ts";

/** A small rigid motion about the image centre: shift in pixels, turn in radians. */
export type Motion = { dx: number; dy: number; turn: number };

/** The golden image on the test image's grid; `known` is 0 where the motion looks beyond the golden image's border. */
export type MovedGolden = { level: Float32Array; known: Uint8Array };

/** Returns the golden image moved by the motion and sampled on the test image's grid (bilinear, border repeated). */
export function moveGolden(golden: Gray, motion: Motion): MovedGolden {
  const { width, height } = golden;
  const moved = { level: new Float32Array(width * height), known: new Uint8Array(width * height) };
  sampleMoved(moved, golden, motion);
  return moved;
}

function sampleMoved({ level, known }: MovedGolden, { width, height, data }: Gray, motion: Motion): void {
  const cos = Math.cos(motion.turn);
  const sin = Math.sin(motion.turn);
  const cx = (width - 1) / 2;
  const cy = (height - 1) / 2;
  const { dx, dy } = motion;
  const [right, bottom] = [width - 0.5, height - 0.5];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const sx = cos * (x - cx) - sin * (y - cy) + cx + dx;
      const sy = sin * (x - cx) + cos * (y - cy) + cy + dy;
      level[p] = sampleAt(data, width, height, sx, sy);
      known[p] = sx >= -0.5 && sy >= -0.5 && sx <= right && sy <= bottom ? 1 : 0;
    }
  }
}

/** The level between pixels (bilinear), the border repeated outside. */
export function sampleAt(data: Float32Array, width: number, height: number, sx: number, sy: number): number {
  let x = sx;
  let y = sy;
  if (x < 0) x = 0;
  else if (x > width - 1) x = width - 1;
  if (y < 0) y = 0;
  else if (y > height - 1) y = height - 1;
  const x0 = x | 0;
  const y0 = y | 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = y0 * width + x0;
  const right = x0 + 1 < width ? 1 : 0;
  const below = y0 + 1 < height ? width : 0;
  const top = (data[at] as number) * (1 - fx) + (data[at + right] as number) * fx;
  const bottom = (data[at + below] as number) * (1 - fx) + (data[at + below + right] as number) * fx;
  return top * (1 - fy) + bottom * fy;
}
