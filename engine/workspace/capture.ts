import { addMarks } from "./marks.ts";
import type { Material, Nuisance } from "./material.ts";
import { between, pickOne, type Random } from "./random.ts";
import { type Point, type Raster, sampleAt, softened } from "./raster.ts";

/** Bound once: they are called for every pixel. */
const { max, min, round } = Math;

/** Registration and exposure of one capture. */
type Setting = {
  readonly dx: number;
  readonly dy: number;
  readonly turn: number;
  readonly edge: number;
  readonly gain: number;
  readonly offset: number;
  readonly gamma: number;
  readonly tilt: { readonly x: number; readonly y: number };
};

/** How a window is photographed. Without nuisance only mild shift and light vary. */
export type Shot = {
  readonly role: "test" | "golden";
  readonly material: Material;
  readonly nuisance: readonly Nuisance[];
  /** A place that no mark may hide. */
  readonly keep_clear?: Point | undefined;
};

/** Photographs a board window in gray: `side * side` levels 0..255. `soft` is the softened board. */
export function capture(board: Raster, shot: Shot, random: Random, soft = softened(board)): Uint8Array {
  const setting = drawSetting(shot.nuisance, shot.role, random);
  const gray = expose(project(board, soft, setting), board.side, shot.material, setting);
  addMarks({ gray, side: board.side, ...shot }, shot.nuisance, random);
  return digitise(gray, random);
}

function drawSetting(nuisance: readonly Nuisance[], role: Shot["role"], random: Random): Setting {
  const strong = nuisance.includes("light");
  const angle = between(random, 0, 2 * Math.PI);
  const apart = nuisance.includes("shift") ? between(random, 1.2, 3) : between(random, 0, role === "test" ? 0.7 : 0.3);
  const degrees = nuisance.includes("rotation") ? between(random, 0.5, 1.5) : between(random, 0, 0.12);
  return {
    dx: apart * Math.cos(angle),
    dy: apart * Math.sin(angle),
    turn: (pickOne(random, [-1, 1]) * degrees * Math.PI) / 180,
    edge: nuisance.includes("etch") ? pickOne(random, [-1, 1]) * between(random, 0.12, 0.26) : 0,
    gain: strong
      ? pickOne(random, [between(random, 0.74, 0.88), between(random, 1.1, 1.25)])
      : between(random, 0.96, 1.04),
    offset: strong ? between(random, -12, 12) : between(random, -4, 4),
    gamma: strong
      ? pickOne(random, [between(random, 0.75, 0.88), between(random, 1.14, 1.35)])
      : between(random, 0.97, 1.03),
    tilt: { x: between(random, -1, 1) * (strong ? 18 : 4), y: between(random, -1, 1) * (strong ? 18 : 4) },
  };
}

/** Share of copper at every pixel, under the capture's shift, rotation and moved edges. */
function project(board: Raster, soft: Float32Array, setting: Setting): Float32Array {
  const { side } = board;
  const { dx, dy, edge } = setting;
  const cover = new Float32Array(side * side);
  const cos = Math.cos(setting.turn);
  const sin = Math.sin(setting.turn);
  const middle = (side - 1) / 2;
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const u = cos * (x - middle) - sin * (y - middle) + middle + dx;
      const v = sin * (x - middle) + cos * (y - middle) + middle + dy;
      const share = (sampleAt(board, soft, u, v) - 0.5 + edge) * 1.15 + 0.5;
      cover[i] = share < 0 ? 0 : share > 1 ? 1 : share;
    }
  }
  return cover;
}

/** No level of a curve. */
const unknown = -1;

function expose(cover: Float32Array, side: number, material: Material, setting: Setting): Float32Array {
  const gray = new Float32Array(side * side);
  const curve = new Float32Array(1024).fill(unknown);
  const { copper, laminate, grain } = material;
  const { gain, offset, tilt } = setting;
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const level = laminate + (copper - laminate) * (cover[i] as number);
      const lit = (level + (grain[i] as number)) * gain + offset;
      const slope = tilt.x * (x / side - 0.5) + tilt.y * (y / side - 0.5);
      const quarter = max(0, min(1023, round((lit + slope) * 4)));
      // Of the levels that there are an image has a few hundred.
      if (curve[quarter] === unknown) curve[quarter] = 255 * (quarter / 1020) ** setting.gamma;
      gray[i] = curve[quarter] as number;
    }
  }
  return gray;
}

/** Adds sensor noise and rounds to whole gray levels. */
function digitise(gray: Float32Array, random: Random): Uint8Array {
  const out = new Uint8Array(gray.length);
  for (let i = 0; i < gray.length; i++) {
    const bits = (random() * 2 ** 30) | 0;
    const noise = ((bits & 1023) + ((bits >> 10) & 1023) + (bits >> 20)) / 205 - 7.5;
    out[i] = max(0, min(255, round((gray[i] as number) + noise)));
  }
  return out;
}
