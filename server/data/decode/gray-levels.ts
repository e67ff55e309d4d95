import { decodePixels, isDecodable } from "./decode-image.ts";
import { type GrayImage, luma } from "./gray-image.ts";
import { jpegGray } from "./jpeg-gray.ts";
import { pngGray } from "./png-gray.ts";

/**
 * Gray levels of a JPEG or PNG, all or its first `rows`; undefined when it cannot be decoded. Common files take a short
 * way that decodes no more than asked for; for every other sort all of the image is decoded.
 *
 * `bytes` may be the beginning of a file of `fileBytes`: then undefined may also mean that more of it is needed.
 */
export function grayLevels(bytes: Uint8Array, rows?: number, fileBytes = bytes.length): GrayImage | undefined {
  if (!isDecodable(bytes, fileBytes)) return undefined;
  const short = bytes[0] === 0xff ? jpegGray(bytes, rows) : pngGray(bytes, rows);
  if (short !== undefined || bytes.length < fileBytes) return short;
  const pixels = decodePixels(bytes);
  if (pixels === undefined) return undefined;
  const { width, data } = pixels;
  const height = Math.min(pixels.height, rows ?? pixels.height);
  const gray = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < gray.length; at++, from += 4) {
    gray[at] = luma(data[from] ?? 0, data[from + 1] ?? 0, data[from + 2] ?? 0);
  }
  return { width, height, data: gray };
}
