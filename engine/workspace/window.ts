import { defined } from "../../server/run/defined.ts";
import { type BoardStyle, drawBoard } from "./board.ts";
import { capture } from "./capture.ts";
import { type DefectType, drawDefect, type Flawed } from "./defects.ts";
import { drawNuisance, materialOf, type Nuisance } from "./material.ts";
import { streamOf } from "./random.ts";
import { type Raster, softened } from "./raster.ts";
import type { PlannedRow } from "./rows.ts";

/** A photographed pair and what is to be seen in it. Gray levels, row by row. */
export type Pair = {
  readonly test: Uint8Array;
  readonly golden: Uint8Array;
  readonly nuisance: readonly Nuisance[];
  readonly defect_at?: { readonly x: number; readonly y: number };
};

/** Draws and photographs one row. Only KPI and pool rows carry nuisance, on the test image alone. */
export function photographRow(row: PlannedRow, side: number, seed: number): Pair {
  const { board, flawed } = drawWindow(row.style, row.label, side, seed, row.object);
  const material = materialOf(streamOf(seed, "material", row.board), side);
  const soft = softened(board);
  const disturbed = row.split === "kpi" || row.split === "mining_pool";
  const nuisance = disturbed ? drawNuisance(streamOf(seed, "nuisance", row.object)) : [];
  return {
    test: capture(
      flawed?.board ?? board,
      { role: "test", material, nuisance, keep_clear: flawed?.at },
      streamOf(seed, "test", row.object),
      flawed === undefined ? soft : undefined,
    ),
    golden: capture(board, { role: "golden", material, nuisance: [] }, streamOf(seed, "golden", row.object), soft),
    nuisance,
    ...defined({ defect_at: flawed?.at }),
  };
}

const REDRAWS = 200;

/** Draws windows of a style until one has room for the defect. */
export function drawWindow(
  style: BoardStyle,
  label: "PASS" | DefectType,
  side: number,
  seed: number,
  key: string,
): { board: Raster; flawed?: Flawed } {
  for (let redraw = 0; redraw < REDRAWS; redraw++) {
    const random = streamOf(seed, "window", key, redraw);
    const board = drawBoard(style, side, random);
    if (label === "PASS") return { board };
    const flawed = drawDefect(label, board, random);
    if (flawed !== undefined) return { board, flawed };
  }
  throw new Error(`no room for ${label} on ${style} windows of ${side} px`);
}
