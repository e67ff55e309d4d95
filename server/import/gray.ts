import { decodePixels, type Pixels } from "../data/decode/decode-image.ts";
import { type GrayImage, luma } from "../data/decode/gray-image.ts";
import { Refusal } from "../errors.ts";
import { readBytes } from "../fs/read.ts";
import type { Rect } from "./source.ts";

/** Decoded images that are kept: those of one board come one after the other. */
const keptImages = 6;

export type Decoder = (path: string) => Promise<Pixels>;

/** Decodes images and keeps the last few. @throws Refusal `gate.bad-image` for one that cannot be decoded. */
export function imageDecoder(): Decoder {
  const kept = new Map<string, Pixels>();
  return async (path) => {
    const pixels = kept.get(path) ?? decodePixels(await readBytes(path));
    if (pixels === undefined) throw new Refusal("gate.bad-image", "An image cannot be decoded.", { path });
    kept.delete(path);
    kept.set(path, pixels);
    for (const old of kept.keys()) if (kept.size > keptImages) kept.delete(old);
    return pixels;
  };
}

/** A part of an image; what lies beyond its edge repeats the edge. */
export function cropPixels(image: Pixels, { x, y, width, height }: Rect): Pixels {
  if (x === 0 && y === 0 && width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row++) {
    const from = Math.max(0, Math.min(image.height - 1, y + row)) * image.width;
    for (let column = 0; column < width; column++) {
      const at = 4 * (from + Math.max(0, Math.min(image.width - 1, x + column)));
      data.set(image.data.subarray(at, at + 4), 4 * (row * width + column));
    }
  }
  return { width, height, data };
}

export function grayOf({ width, height, data }: Pixels): GrayImage {
  const gray = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < gray.length; at++, from += 4) {
    gray[at] = luma(data[from] ?? 0, data[from + 1] ?? 0, data[from + 2] ?? 0);
  }
  return { width, height, data: gray };
}

export function wholeOf({ width, height }: { readonly width: number; readonly height: number }): Rect {
  return { x: 0, y: 0, width, height };
}
