import { defectModes } from "./usecases.ts";

/** Cells of the scan grid of both shipped boards: no run renders more frames. */
export const gridCells = 100;

/** Structural crops by rendered frames, measured on board 0603_H100 with three modes at ratio 0.2. */
export const structuralYield: readonly (readonly [patches: number, crops: number])[] = [
  [1, 30],
  [2, 50],
  [3, 75],
  [5, 120],
  [10, 250],
];
/** The published rule `ceil(N/30)` counts on so many crops of every frame; only the first frame was seen to give them. */
const mostPerFrame = 30;

/** What frames may give: `low` by the measured table, `high` by the published rule of 30 crops a frame. */
export type CropRange = { readonly low: number; readonly high: number };

/** Structural crops to expect from so many frames (-1: every cell) with so many of the three modes. */
export function structuralCrops(patches: number, modes: number): CropRange {
  const frames = patches === -1 ? gridCells : patches;
  const share = modes / defectModes.length;
  return { low: Math.floor(measured(frames) * share), high: Math.floor(frames * mostPerFrame * share) };
}

/** The measured table on straight lines between its points, and beyond the last by its rate. */
function measured(frames: number): number {
  let below: readonly [number, number] = [0, 0];
  for (const point of structuralYield) {
    if (point[0] >= frames) return below[1] + ((frames - below[0]) / (point[0] - below[0])) * (point[1] - below[1]);
    below = point;
  }
  return below[1] * (frames / below[0]);
}

/**
 * The fewest frames that are seen to give `crops` structural crops: the inverse of `structuralCrops().low`, at least 2,
 * since a single frame may show an empty cell and fail. Undefined when even every cell of the board cannot give them.
 */
export function structuralPatches(crops: number, modes: number): { patches: number; range: CropRange } | undefined {
  for (let patches = 2; patches <= gridCells; patches++) {
    const range = structuralCrops(patches, modes);
    if (range.low >= crops || (patches === gridCells && range.high >= crops)) return { patches, range };
  }
  return undefined;
}

/**
 * Frames and crops a cell for `total` clean crops of one material in all: at least 3 frames, the cookbook's 10 a cell
 * unless the grid is too small. Cells with fewer components give fewer, so the product is what the run gives at most.
 */
export function totalCrops(total: number): { render_patches: number; crop_max_emit: number; most: number } {
  const render_patches = Math.min(gridCells, Math.max(3, Math.ceil(total / 10)));
  const crop_max_emit = Math.ceil(total / render_patches);
  return { render_patches, crop_max_emit, most: render_patches * crop_max_emit };
}
