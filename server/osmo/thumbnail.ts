import jpeg from "jpeg-js";
import { decodePixels } from "../data/decode/decode-image.ts";
import { imageHeader } from "../data/image-header.ts";
import { scaleDown } from "../report/pictures.ts";

/** Frames beyond this many pixels on a side are shown small; a preview of camera frames would weigh hundreds of MB. */
const largeSide = 1600;
const thumbnailSide = 640;
const jpegQuality = 85;
const megapixelLimit = 80;

/** A small JPEG of a very large frame, or undefined when the file can be shown as it is (or cannot be read). */
export function thumbnailOf(bytes: Uint8Array): Uint8Array | undefined {
  const header = imageHeader(bytes, (position) => bytes.subarray(position));
  if (header === undefined || Math.max(header.width, header.height) <= largeSide) return undefined;
  // A damaged frame is shown as the browser can; the preview is about the others too.
  const frame = decodePixels(bytes, megapixelLimit);
  return frame && jpeg.encode(scaleDown(frame, thumbnailSide), jpegQuality).data;
}
