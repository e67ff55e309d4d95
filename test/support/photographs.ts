import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { PNG } from "pngjs";
import { type BoardStyle, drawBoard } from "../../engine/workspace/board.ts";
import { capture } from "../../engine/workspace/capture.ts";
import { type DefectType, drawDefect } from "../../engine/workspace/defects.ts";
import { encodeGrayJpeg } from "../../engine/workspace/gray-jpeg.ts";
import { materialOf } from "../../engine/workspace/material.ts";
import { streamOf } from "../../engine/workspace/random.ts";
import { isCopper } from "../../engine/workspace/raster.ts";

/** A drawn photo of one design; every shot has its own light, noise and small shift. */
export type Photo = {
  readonly gray: Uint8Array;
  readonly side: number;
  readonly mask: Uint8Array;
  readonly boxes: readonly {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly type: DefectType;
  }[];
};

const boxSide = 20;

/** Photographs a design with some defects. The same arguments give the same photo. */
export function photograph(
  design: { readonly name: string; readonly style: BoardStyle; readonly side: number },
  shot: string,
  defects: readonly DefectType[] = [],
): Photo {
  const { name, style, side } = design;
  const clean = drawBoard(style, side, streamOf(1, "design", name));
  let board = clean;
  const boxes: Photo["boxes"][number][] = [];
  for (const [at, type] of defects.entries()) {
    const flawed = drawDefect(type, board, streamOf(1, "defect", name, shot, at));
    if (flawed === undefined) continue;
    board = flawed.board;
    const corner = (middle: number) => Math.max(0, Math.min(side - boxSide, Math.round(middle - boxSide / 2)));
    boxes.push({ x: corner(flawed.at.x), y: corner(flawed.at.y), width: boxSide, height: boxSide, type });
  }
  const mask = Uint8Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [(at % side) + 0.5, Math.floor(at / side) + 0.5];
    return isCopper(clean, x, y) === isCopper(board, x, y) ? 0 : 255;
  });
  const material = materialOf(streamOf(1, "material", name), side);
  return {
    gray: capture(board, { role: "test", material, nuisance: [] }, streamOf(1, "shot", name, shot)),
    side,
    mask,
    boxes,
  };
}

/** Writes gray levels as PNG or, for a side that is a multiple of 8, JPEG, by the ending of the path. */
export async function putGray(path: string, gray: Uint8Array, side: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (/\.jpe?g$/i.test(path)) return await writeFile(path, encodeGrayJpeg(gray, side, 90));
  const png = new PNG({ width: side, height: side });
  for (const [at, level] of gray.entries()) png.data.set([level, level, level, 255], 4 * at);
  await writeFile(path, PNG.sync.write(png, { colorType: 0 }));
}

export async function putText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
