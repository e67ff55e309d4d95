import { between, type Random, withChance } from "./random.ts";

/** Bound once: they are called for every pixel. */
const { floor } = Math;

/** What disturbs a capture without being a defect. */
export const nuisanceKinds = ["shift", "rotation", "light", "etch", "dust", "print"] as const;
export type Nuisance = (typeof nuisanceKinds)[number];

const chances: Record<Nuisance, number> = {
  shift: 0.22,
  rotation: 0.18,
  light: 0.2,
  etch: 0.14,
  dust: 0.24,
  print: 0.18,
};

/** Gray levels of one product, and the grain of each pixel; test and golden images of a row share them. */
export type Material = { readonly copper: number; readonly laminate: number; readonly grain: Float64Array };

const GRAIN = 9;

/** The material of a product, seen in a square window of `side` pixels. */
export function materialOf(random: Random, side: number): Material {
  const [copper, laminate] = [between(random, 50, 78), between(random, 146, 180)];
  const coarse = Float32Array.from({ length: GRAIN * GRAIN }, () => between(random, -5, 5));
  return { copper, laminate, grain: grainField(coarse, side) };
}

/** Draws which nuisances a test image carries, each by its own chance; two at most, or a defect could drown in them. */
export function drawNuisance(random: Random): Nuisance[] {
  const drawn = nuisanceKinds.filter((kind) => withChance(random, chances[kind]));
  while (drawn.length > 2) drawn.splice(Math.floor(random() * drawn.length), 1);
  return drawn;
}

/** Grain of every pixel of a window of this side. */
function grainField(grain: Float32Array, side: number): Float64Array {
  const field = new Float64Array(side * side);
  for (let y = 0, p = 0; y < side; y++) {
    const v = (y / side) * (GRAIN - 1.001);
    const row = floor(v);
    const fy = v - row;
    for (let x = 0; x < side; x++, p++) {
      const u = (x / side) * (GRAIN - 1.001);
      const column = floor(u);
      const fx = u - column;
      const i = row * GRAIN + column;
      const top = (grain[i] as number) * (1 - fx) + (grain[i + 1] as number) * fx;
      const bottom = (grain[i + GRAIN] as number) * (1 - fx) + (grain[i + GRAIN + 1] as number) * fx;
      field[p] = top * (1 - fy) + bottom * fy;
    }
  }
  return field;
}
