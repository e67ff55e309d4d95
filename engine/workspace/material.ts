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

/** Gray levels and grain of one product; test and golden images of a row share them. */
export type Material = { readonly copper: number; readonly laminate: number; readonly grain: Float32Array };

const GRAIN = 9;

export function materialOf(random: Random): Material {
  return {
    copper: between(random, 50, 78),
    laminate: between(random, 146, 180),
    grain: Float32Array.from({ length: GRAIN * GRAIN }, () => between(random, -5, 5)),
  };
}

/** Draws which nuisances a test image carries, each by its own chance; two at most, or a defect could drown in them. */
export function drawNuisance(random: Random): Nuisance[] {
  const drawn = nuisanceKinds.filter((kind) => withChance(random, chances[kind]));
  while (drawn.length > 2) drawn.splice(Math.floor(random() * drawn.length), 1);
  return drawn;
}

/** Grain at a place of the window, both coordinates 0..1. */
export function grainAt(grain: Float32Array, x: number, y: number): number {
  const u = x * (GRAIN - 1.001);
  const v = y * (GRAIN - 1.001);
  const column = floor(u);
  const row = floor(v);
  const i = row * GRAIN + column;
  const fx = u - column;
  const fy = v - row;
  const top = (grain[i] as number) * (1 - fx) + (grain[i + 1] as number) * fx;
  const bottom = (grain[i + GRAIN] as number) * (1 - fx) + (grain[i + GRAIN + 1] as number) * fx;
  return top * (1 - fy) + bottom * fy;
}
