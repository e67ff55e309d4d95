import { join } from "node:path";
import { PNG } from "pngjs";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { writeNew } from "../../server/fs/tree.ts";
import { boardStyles } from "./board.ts";
import { capture } from "./capture.ts";
import { type DefectType, defectTypes } from "./defects.ts";
import { encodeGrayJpeg } from "./gray-jpeg.ts";
import { materialOf } from "./material.ts";
import { streamOf } from "./random.ts";
import { isCopper, type Raster } from "./raster.ts";
import { drawWindow } from "./window.ts";

export const TEXTURE = "pcb";
export const JPEG_QUALITY = 88;

type Color = readonly [number, number, number];
type Class = "BACKGROUND" | "pad" | "hole";
const colors: Record<Class, Color> = { BACKGROUND: [0, 0, 0], pad: [200, 104, 52], hole: [52, 136, 224] };

/** How the generator is told to place each type; `cad` works on the classes of the cad mask. */
const placements: Record<DefectType, { spatial_dependency: "free" | "cad"; where: string }> = {
  open: { spatial_dependency: "free", where: "a narrow dark trace" },
  bridge: { spatial_dependency: "cad", where: "the light gap between two dark conductors" },
  mousebite: { spatial_dependency: "free", where: "the edge of a dark conductor" },
  spur: { spatial_dependency: "free", where: "the edge of a dark conductor" },
  copper: { spatial_dependency: "free", where: "bare light laminate" },
  "pin-hole": { spatial_dependency: "free", where: "the inside of a dark conductor" },
};

/** Writes the reference data of the defect generator: clean images with cad masks, defect masks, spec and classes. */
export async function writeGeneratorAssets(dir: string, side: number, count: number, seed: number): Promise<void> {
  const texture = join(dir, TEXTURE);
  await makeDirectory(join(texture, "clean_image"));
  await makeDirectory(join(texture, "cad_mask"));
  for (let index = 0; index < count; index++) {
    const stem = `clean_${String(index).padStart(3, "0")}`;
    const { board } = drawWindow(boardStyles[index % boardStyles.length] ?? "bus", "PASS", side, seed, stem);
    const material = materialOf(streamOf(seed, "material", stem), side);
    const gray = capture(board, { role: "golden", material, nuisance: [] }, streamOf(seed, stem));
    await writeNew(join(texture, "clean_image", `${stem}.jpg`), encodeGrayJpeg(gray, side, JPEG_QUALITY));
    await writeNew(join(texture, "cad_mask", `${stem}.png`), encodeColors(classesOf(board), side));
  }
  for (const type of defectTypes) await writeMasks(join(texture, "mask", type), type, side, count, seed);
  await writeNew(join(dir, "defect_spec.jsonl"), defectTypes.map(specLine).join(""));
  const classes = Object.entries(colors).map(([name, rgb]) => [`(${rgb.join(", ")}, 255)`, { class: name }]);
  await writeNew(
    join(dir, "semantic_segmentation_labels.json"),
    `${JSON.stringify(Object.fromEntries(classes), null, 2)}\n`,
  );
}

async function writeMasks(dir: string, type: DefectType, side: number, count: number, seed: number): Promise<void> {
  await makeDirectory(dir);
  const style = type === "pin-hole" ? "plane" : "bus";
  for (let index = 0; index < Math.ceil(count / 2); index++) {
    const stem = `${type}_${String(index).padStart(3, "0")}`;
    const { board, flawed } = drawWindow(style, type, side, seed, stem);
    const changed = pixels(
      side,
      (x, y) => flawed !== undefined && isCopper(board, x, y) !== isCopper(flawed.board, x, y),
    );
    const mask = changed.map((isChanged): Color => (isChanged ? [255, 255, 255] : [0, 0, 0]));
    await writeNew(join(dir, `${stem}.png`), encodeColors(mask, side));
  }
}

function specLine(type: DefectType): string {
  const { spatial_dependency, where } = placements[type];
  const defect_type = `${TEXTURE}+${type}`;
  return `${JSON.stringify({ defect_type, spatial_dependency, roi_prompt_defect_location: where })}\n`;
}

/** Classes of every pixel: copper is `pad`, laminate that copper encloses is `hole`. */
function classesOf(board: Raster): Color[] {
  const { side } = board;
  const copper = pixels(side, (x, y) => isCopper(board, x, y));
  const outside = new Set<number>();
  const border = copper.flatMap((_, i) =>
    i % side === 0 || i % side === side - 1 || i < side || i >= side * (side - 1) ? [i] : [],
  );
  const queue = border.filter((i) => !copper[i]);
  for (let i = queue.pop(); i !== undefined; i = queue.pop()) {
    if (outside.has(i) || copper[i] !== false) continue;
    outside.add(i);
    if (i % side > 0) queue.push(i - 1);
    if (i % side < side - 1) queue.push(i + 1);
    queue.push(i - side, i + side);
  }
  return copper.map((isPad, i) => colors[isPad ? "pad" : outside.has(i) ? "BACKGROUND" : "hole"]);
}

function pixels(side: number, at: (x: number, y: number) => boolean): boolean[] {
  return Array.from({ length: side * side }, (_, i) => at((i % side) + 0.5, Math.floor(i / side) + 0.5));
}

function encodeColors(image: readonly Color[], side: number): Uint8Array {
  const png = new PNG({ width: side, height: side });
  for (const [i, rgb] of image.entries()) png.data.set([...rgb, 255], 4 * i);
  return PNG.sync.write(png);
}
