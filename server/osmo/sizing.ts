import { defectModes } from "./usecases.ts";

/** Structural crops by rendered frames, measured on board 0603_H100 with three modes at ratio 0.2. */
export const structuralYield: readonly (readonly [patches: number, crops: number])[] = [
  [1, 30],
  [2, 50],
  [3, 75],
  [5, 120],
  [10, 250],
];

/** Crops to expect from this many frames, between the measured points on a straight line. */
export function expectedStructuralCrops(patches: number, modes: number): number {
  const share = modes / defectModes.length;
  let below = structuralYield[0] ?? [1, 30];
  for (const point of structuralYield) {
    if (point[0] >= patches) {
      const way = point[0] === below[0] ? 0 : (patches - below[0]) / (point[0] - below[0]);
      return Math.round((below[1] + way * (point[1] - below[1])) * share);
    }
    below = point;
  }
  return Math.round(below[1] * (patches / below[0]) * share);
}

/**
 * Frames to render for about `crops` structural crops: one frame for every 30 of three modes, at least 2, since a
 * single frame may show an empty cell and fail. Fewer modes give proportionally fewer crops a frame.
 */
export function structuralPatches(crops: number, modes: number): { patches: number; expected: number; note: string } {
  const patches = Math.max(2, Math.ceil((crops * defectModes.length) / modes / 30));
  const expected = expectedStructuralCrops(patches, modes);
  const table = structuralYield.map(([frames, yielded]) => `${frames}→${yielded}`).join(", ");
  return {
    patches,
    expected,
    note: `render_patches=${patches} gives about ${expected} crops with ${modes} of 3 modes; measured with 3 modes on 0603_H100: ${table}. Other boards: calibrate with a small run.`,
  };
}
