import { decodeImage, isDecodable, type Pixels } from "../../server/data/decode/decode-image.ts";
import { exactTransform } from "../../server/data/decode/exact-block.ts";
import { jpegGray } from "../../server/data/decode/jpeg-gray.ts";
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
  const isJpeg = startsAsJpeg(bytes);
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
  const short = decodeShort(bytes);
  if (short !== undefined) return short;
  const { width, height, data } = decodePixels(bytes, path);
  return { width, height, data: lumasOfColours(data) };
}

function lumasOfColours(data: Uint8Array): Float32Array {
  const gray = new Float32Array(data.length / 4);
  for (let p = 0, q = 0; p < gray.length; p++, q += 4) {
    gray[p] = lumaOf(data[q] as number, data[q + 1] as number, data[q + 2] as number);
  }
  return gray;
}

/** A gray JPEG of the common sort, at a third of the time; the levels are those that the long way gives, to the bit. */
function decodeShort(bytes: Uint8Array): Gray | undefined {
  if (!startsAsJpeg(bytes) || !hasEndMarker(bytes) || !isDecodable(bytes)) return undefined;
  const found = jpegGray(bytes, undefined, exactTransform);
  if (found === undefined) return undefined;
  return { ...found, data: lumasOfGray(found.data) };
}

function lumasOfGray(levels: Uint8Array): Float32Array {
  const data = new Float32Array(levels.length);
  for (let p = 0; p < data.length; p++) data[p] = lumaOfGray[levels[p] as number] as number;
  return data;
}

/** The luma of a level in all three colours is not the level itself, but for rounding. */
const lumaOfGray = Float32Array.from({ length: 256 }, (_, level) => lumaOf(level, level, level));

function lumaOf(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function startsAsJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

function hasEndMarker(bytes: Uint8Array): boolean {
  for (let at = bytes.length - 2; at > 1; at--) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}
