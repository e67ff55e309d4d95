import { basename, join } from "node:path";
import { PNG } from "pngjs";
import type { Pixels } from "../data/decode/decode-image.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { copyNew } from "../fs/copy.ts";
import { writeNew } from "../fs/tree.ts";
import { cropPixels, type Decoder, grayOf } from "./gray.ts";
import { type Pair, windowOr } from "./pairing.ts";
import { slug } from "./parts.ts";
import type { Rect } from "./source.ts";

/** Masks a type and clean images a texture; the generator draws from them, more teach it nothing new. */
const limits = { masks: 24, clean: 24 } as const;
/** Share of the largest difference inside a box above which a pixel belongs to the defect. */
const changed = 0.4;

export type GeneratorFacts = {
  /** Masks by `<TEXTURE>+<TYPE>`, and clean images by texture. */
  readonly masks: Readonly<Record<string, number>>;
  readonly clean_images: Readonly<Record<string, number>>;
  /** Masks that were found as the difference to the golden image inside a box. */
  readonly from_boxes: number;
};

/**
 * Writes reference data of the defect generator from training rows alone: masks of their defects, and clean images from
 * good parts. Undefined where nothing marks a defect.
 *
 * @param fileOf the image of a pair in the new workspace
 */
export async function writeGenerator(
  dir: string,
  training: readonly Pair[],
  decode: Decoder,
  fileOf: (pair: Pair) => string,
): Promise<GeneratorFacts | undefined> {
  const masks = new Map<string, number>();
  const textures = new Set<string>();
  let from_boxes = 0;
  for (const pair of training) {
    const texture = slug(pair.image.category);
    const type = `${texture}+${pair.label}`;
    if (pair.label === "PASS" || (masks.get(type) ?? 0) >= limits.masks) continue;
    const mask = await maskOf(pair, decode);
    if (mask === undefined) continue;
    await makeDirectory(join(dir, texture, "mask", pair.label));
    await writeNew(join(dir, texture, "mask", pair.label, `${pair.object}.png`), maskPng(mask));
    masks.set(type, (masks.get(type) ?? 0) + 1);
    textures.add(texture);
    if (pair.image.mask === undefined) from_boxes++;
  }
  const clean = await writeClean(dir, training, textures, fileOf);
  const types = [...masks.keys()].filter((type) => clean.has(type.slice(0, type.indexOf("+"))));
  if (types.length === 0) return undefined;
  const lines = types.map((type) => `${JSON.stringify({ defect_type: type, spatial_dependency: "free" })}\n`);
  await writeNew(join(dir, "defect_spec.jsonl"), lines.join(""));
  return { masks: Object.fromEntries(masks), clean_images: Object.fromEntries(clean), from_boxes };
}

async function writeClean(
  dir: string,
  training: readonly Pair[],
  textures: ReadonlySet<string>,
  fileOf: (pair: Pair) => string,
): Promise<Map<string, number>> {
  const clean = new Map<string, number>();
  for (const pair of training) {
    const texture = slug(pair.image.category);
    const count = clean.get(texture) ?? 0;
    if (pair.label !== "PASS" || !textures.has(texture) || count >= limits.clean) continue;
    const folder = join(dir, texture, "clean_image");
    await makeDirectory(folder);
    await copyNew(fileOf(pair), join(folder, basename(fileOf(pair))));
    clean.set(texture, count + 1);
  }
  return clean;
}

type Mask = { readonly width: number; readonly height: number; readonly on: Uint8Array };

/** The pixels of a defect: what the mask file marks, else what differs from the golden image inside the box. */
async function maskOf(pair: Pair, decode: Decoder): Promise<Mask | undefined> {
  const { image, window, box } = pair;
  const [file = ""] = Object.values(pair.files);
  const { width, height } = windowOr(window, await decode(file));
  const on =
    image.mask !== undefined ? await markedPixels(image.mask, decode, window) : await changedPixels(pair, decode, box);
  const fits = on !== undefined && on.length === width * height && on.includes(1);
  return fits ? { width, height, on } : undefined;
}

async function markedPixels(path: string, decode: Decoder, window: Rect | undefined): Promise<Uint8Array> {
  const whole = await decode(path);
  const { data } = grayOf(cropPixels(whole, windowOr(window, whole)));
  // Some masks number their defects 1, 2, 3; in others compression blurred what was 0 and 255.
  const numbered = data.every((level) => level < 32);
  return data.map((level) => (level > (numbered ? 0 : 127) ? 1 : 0));
}

async function changedPixels(pair: Pair, decode: Decoder, box: Rect | undefined): Promise<Uint8Array | undefined> {
  const { window, golden_window } = pair;
  const [file = ""] = Object.values(pair.files);
  const [golden = ""] = Object.values(pair.goldens);
  if (box === undefined || window === undefined || golden_window === undefined) return undefined;
  const [one, other] = [await cut(file, window, decode), await cut(golden, golden_window, decode)];
  const [a, b] = [grayOf(one).data, grayOf(other).data];
  const inside = (at: number) => {
    const [x, y] = [(at % window.width) + window.x, Math.floor(at / window.width) + window.y];
    return x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
  };
  const differences = a.map((level, at) => (inside(at) ? Math.abs(level - (b[at] ?? 0)) : 0));
  const most = differences.reduce((largest, one) => Math.max(largest, one), 0);
  return most < 24 ? undefined : differences.map((level) => (level > changed * most ? 1 : 0));
}

async function cut(path: string, window: Rect, decode: Decoder): Promise<Pixels> {
  return cropPixels(await decode(path), window);
}

function maskPng({ width, height, on }: Mask): Uint8Array {
  const png = new PNG({ width, height });
  for (const [at, is] of on.entries()) png.data.set(is === 1 ? [255, 255, 255, 255] : [0, 0, 0, 255], 4 * at);
  return PNG.sync.write(png);
}
