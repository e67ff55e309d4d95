import { decodeImage, type Pixels } from "../../server/data/decode/decode-image.ts";
import { EngineFailure } from "../failure.ts";
import type { Gray } from "./gray.ts";

export type { Pixels };

/**
 * Decodes JPEG (baseline, progressive, gray, colour, CMYK) or PNG (any depth; 16 bits are cut to 8).
 *
 * @throws EngineFailure `UnidentifiedImageError` for other content, `OSError` for a truncated or broken file, and for one
 * that is too large or promises more pixels than it can hold.
 */
export function decodePixels(bytes: Uint8Array, path: string): Pixels {
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isJpeg && !(bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47)) {
    throw new EngineFailure("UnidentifiedImageError", `cannot identify image file '${path}'`);
  }
  if (isJpeg && !hasEndMarker(bytes)) {
    throw new EngineFailure("OSError", `image file is truncated (0 bytes not processed): ${path}`);
  }
  try {
    return decodeImage(bytes);
  } catch (error) {
    throw new EngineFailure("OSError", `broken data stream when reading image file ${path}`, { cause: error });
  }
}

/** Decodes an image to gray levels 0..255 (luma of ITU-R BT.601). @throws what `decodePixels` throws. */
export function decodeGray(bytes: Uint8Array, path: string): Gray {
  const { width, height, data } = decodePixels(bytes, path);
  const gray = new Float32Array(width * height);
  for (let p = 0, q = 0; p < gray.length; p++, q += 4) {
    gray[p] = 0.299 * (data[q] as number) + 0.587 * (data[q + 1] as number) + 0.114 * (data[q + 2] as number);
  }
  return { width, height, data: gray };
}

function hasEndMarker(bytes: Uint8Array): boolean {
  for (let at = bytes.length - 2; at > 1; at--) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}
