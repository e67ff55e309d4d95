import { dirname } from "node:path";
import { decodePixels, type Pixels } from "../data/decode/decode-image.ts";
import { Refusal } from "../errors.ts";
import { containedPath } from "../fs/contained.ts";
import { readBytes } from "../fs/read.ts";
import { readRun } from "../journal/journal.ts";
import type { Deps } from "../ports/call.ts";
import { listMisjudged } from "./listing.ts";
import { difference, picture, scaleDown } from "./pictures.ts";

/** A side of each image, and the gap between them, in pixels. */
const side = 320;
const gap = 8;

/**
 * The `number`th part, from 1, that an iteration of a run misjudges, missed defects first and the furthest off first: its
 * golden image, the inspected one and where they differ beside one another, as JPEG in base64. Undefined where there is no
 * such part, or its images cannot be read.
 */
export async function misjudgedPicture(
  runDir: string,
  iteration: string,
  number: number,
  deps: Deps,
): Promise<string | undefined> {
  try {
    const { parts } = await listMisjudged(runDir, { iteration }, deps);
    const { image = null, golden = null } = parts[number - 1] ?? {};
    const { images_dir } = (await readRun(runDir, deps)).state.config;
    const roots = [runDir, dirname(dirname(runDir)), images_dir];
    const [inspected, reference] = [await pixelsOf(image, roots), await pixelsOf(golden, roots)];
    if (inspected === undefined || reference === undefined) return undefined;
    const { uri } = picture(besides([reference, inspected, difference(inspected, reference)]));
    return uri.slice(uri.indexOf(",") + 1);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function pixelsOf(path: string | null, roots: readonly string[]): Promise<Pixels | undefined> {
  if (path === null) return undefined;
  const pixels = decodePixels(await readBytes(await containedPath(roots, path, "an image")));
  return pixels && scaleDown(pixels, side);
}

/** Images in a row on white. */
function besides(images: readonly Pixels[]): Pixels {
  const height = Math.max(...images.map((image) => image.height));
  const width = images.reduce((sum, image) => sum + image.width + gap, -gap);
  const data = new Uint8Array(width * height * 4).fill(255);
  let left = 0;
  for (const image of images) {
    const row = image.width * 4;
    for (let y = 0; y < image.height; y++) {
      data.set(image.data.subarray(y * row, (y + 1) * row), (y * width + left) * 4);
    }
    left += image.width + gap;
  }
  return { width, height, data };
}
