import { boxMean } from "../image/filters.ts";
import type { Gray } from "../image/gray.ts";
import { type Motion, sampleAt } from "./motion.ts";

const MAX_SHIFT_PX = 7;
const MAX_TURN_RAD = 0.035;
const STEP = 3;
const MARGIN = 5;
const FLAT_DEVIATION = 9;

/**
 * Finds the motion that lays the golden image over the test image.
 *
 * A whole-pixel search at half size gives the start; an inverse compositional Gauss-Newton descent (shift and turn, gain
 * and offset removed at each step, large residuals clipped so that a defect does not pull) refines it to fractions of a
 * pixel. Images must have equal size. A featureless pair gives no motion.
 */
export function registerGolden(test: Gray, golden: Gray): Motion {
  const { width, height } = test;
  const soft = softened(test);
  const softGolden = softened(golden);
  const spread = deviation(soft);
  if (spread < FLAT_DEVIATION || deviation(softGolden) < FLAT_DEVIATION) return { dx: 0, dy: 0, turn: 0 };
  const coarse = searchShift(soft, softGolden, width, height);
  const starts: Motion[] = [-0.018, 0, 0.018].map((turn) => ({ ...coarse, turn }));
  const descent = prepareDescent(soft, width, height);
  let best = { motion: coarse, cost: Number.POSITIVE_INFINITY };
  for (const start of starts) {
    const found = descend(descent, softGolden, start, 6);
    if (found.cost < best.cost) best = found;
  }
  return descend(descent, softGolden, best.motion, 4).motion;
}

function softened({ data, width, height }: Gray): Float32Array {
  const once = boxMean(data, width, height, 1);
  return boxMean(once, width, height, 1, once);
}

function deviation(map: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (let p = 0; p < map.length; p++) {
    const level = map[p] as number;
    sum += level;
    squares += level * level;
  }
  return Math.sqrt(Math.max(0, squares / map.length - (sum / map.length) ** 2));
}

function searchShift(test: Float32Array, golden: Float32Array, width: number, height: number): Motion {
  let best = { dx: 0, dy: 0, turn: 0 };
  let lowest = Number.POSITIVE_INFINITY;
  for (let dy = -MAX_SHIFT_PX + 1; dy <= MAX_SHIFT_PX - 1; dy += 2) {
    for (let dx = -MAX_SHIFT_PX + 1; dx <= MAX_SHIFT_PX - 1; dx += 2) {
      const cost = shiftCost(test, golden, width, height, dx, dy) * (1 + 0.006 * (dx * dx + dy * dy));
      if (cost < lowest) {
        lowest = cost;
        best = { dx, dy, turn: 0 };
      }
    }
  }
  return best;
}

function shiftCost(
  test: Float32Array,
  golden: Float32Array,
  width: number,
  height: number,
  dx: number,
  dy: number,
): number {
  let n = 0;
  let st = 0;
  let sg = 0;
  let stt = 0;
  let sgg = 0;
  let stg = 0;
  for (let y = MAX_SHIFT_PX; y < height - MAX_SHIFT_PX; y += 3) {
    for (let x = MAX_SHIFT_PX; x < width - MAX_SHIFT_PX; x += 3) {
      const t = test[y * width + x] as number;
      const g = golden[(y + dy) * width + x + dx] as number;
      n++;
      st += t;
      sg += g;
      stt += t * t;
      sgg += g * g;
      stg += t * g;
    }
  }
  const vt = stt - (st * st) / n;
  const vg = sgg - (sg * sg) / n;
  const cov = stg - (st * sg) / n;
  return 1.02 - cov / Math.sqrt(Math.max(1e-6, vt * vg));
}

type Descent = {
  width: number;
  height: number;
  /** Places of the samples, from the image centre. */
  x: Float32Array;
  y: Float32Array;
  level: Float32Array;
  jx: Float32Array;
  jy: Float32Array;
  jt: Float32Array;
  inverse: number[];
};

function prepareDescent(test: Float32Array, width: number, height: number): Descent {
  const count = Math.ceil((height - 2 * MARGIN) / STEP) * Math.ceil((width - 2 * MARGIN) / STEP);
  const xs = new Float32Array(count);
  const ys = new Float32Array(count);
  const level = new Float32Array(count);
  const jx = new Float32Array(count);
  const jy = new Float32Array(count);
  const jt = new Float32Array(count);
  const h = [0, 0, 0, 0, 0, 0];
  let n = 0;
  for (let y = MARGIN; y < height - MARGIN; y += STEP) {
    for (let x = MARGIN; x < width - MARGIN; x += STEP) {
      const p = y * width + x;
      const gx = ((test[p + 1] as number) - (test[p - 1] as number)) / 2;
      const gy = ((test[p + width] as number) - (test[p - width] as number)) / 2;
      const gt = gy * (x - (width - 1) / 2) - gx * (y - (height - 1) / 2);
      xs[n] = x - (width - 1) / 2;
      ys[n] = y - (height - 1) / 2;
      level[n] = test[p] as number;
      jx[n] = gx;
      jy[n] = gy;
      jt[n] = gt;
      h[0] = (h[0] as number) + gx * gx;
      h[1] = (h[1] as number) + gx * gy;
      h[2] = (h[2] as number) + gx * gt;
      h[3] = (h[3] as number) + gy * gy;
      h[4] = (h[4] as number) + gy * gt;
      h[5] = (h[5] as number) + gt * gt;
      n++;
    }
  }
  const ridge = 0.5 * n;
  h[0] = (h[0] as number) + ridge;
  h[3] = (h[3] as number) + ridge;
  h[5] = (h[5] as number) + ridge * 800;
  return { width, height, x: xs, y: ys, level, jx, jy, jt, inverse: invertSymmetric(h) };
}

function invertSymmetric(h: number[]): number[] {
  const [a, b, c, d, e, f] = h as [number, number, number, number, number, number];
  const A = d * f - e * e;
  const B = c * e - b * f;
  const C = b * e - c * d;
  const det = a * A + b * B + c * C;
  return [A / det, B / det, C / det, (a * f - c * c) / det, (b * c - a * e) / det, (a * d - b * b) / det];
}

function descend(d: Descent, golden: Float32Array, start: Motion, steps: number): { motion: Motion; cost: number } {
  const { width, height } = d;
  let { dx, dy, turn } = start;
  const { x: xs, y: ys, level, jx, jy, jt } = d;
  const n = level.length;
  const moved = new Float32Array(n);
  const cx = (width - 1) / 2;
  const cy = (height - 1) / 2;
  let best = { motion: start, cost: Number.POSITIVE_INFINITY };
  for (let step = 0; step <= steps; step++) {
    const cos = Math.cos(turn);
    const sin = Math.sin(turn);
    let st = 0;
    let sg = 0;
    let sgg = 0;
    let stg = 0;
    let stt = 0;
    for (let i = 0; i < n; i++) {
      const x = xs[i] as number;
      const y = ys[i] as number;
      const g = sampleAt(golden, width, height, cos * x - sin * y + cx + dx, sin * x + cos * y + cy + dy);
      const t = level[i] as number;
      moved[i] = g;
      st += t;
      sg += g;
      sgg += g * g;
      stg += t * g;
      stt += t * t;
    }
    const vg = Math.max(1, sgg - (sg * sg) / n);
    const cov = stg - (st * sg) / n;
    const gain = Math.max(0.3, Math.min(3, cov / vg));
    const offset = (st - gain * sg) / n;
    const clip = 0.8 * Math.sqrt(Math.max(1, (stt - (st * st) / n) / n));
    let cost = 0;
    let bx = 0;
    let by = 0;
    let bt = 0;
    for (let i = 0; i < n; i++) {
      let r = gain * (moved[i] as number) + offset - (level[i] as number);
      if (r > clip) r = clip;
      else if (r < -clip) r = -clip;
      cost += r * r;
      bx += r * (jx[i] as number);
      by += r * (jy[i] as number);
      bt += r * (jt[i] as number);
    }
    if (cost < best.cost) best = { motion: { dx, dy, turn }, cost };
    const k = d.inverse as [number, number, number, number, number, number];
    const ux = k[0] * bx + k[1] * by + k[2] * bt;
    const uy = k[1] * bx + k[3] * by + k[4] * bt;
    const ut = k[2] * bx + k[4] * by + k[5] * bt;
    dx = clamp(dx - ux, MAX_SHIFT_PX);
    dy = clamp(dy - uy, MAX_SHIFT_PX);
    turn = clamp(turn - ut, MAX_TURN_RAD);
    if (Math.abs(ux) + Math.abs(uy) + 40 * Math.abs(ut) < 0.01) break;
  }
  return best;
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}
