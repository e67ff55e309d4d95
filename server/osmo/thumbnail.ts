import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { imageHeader } from "../data/image-header.ts";
import { type Pixels, scaleDown } from "../report/pictures.ts";

/** Frames beyond this many pixels on a side are shown small; a preview of camera frames would weigh hundreds of MB. */
const largeSide = 1600;
const thumbnailSide = 640;
const jpegQuality = 85;
const megapixelLimit = 80;

/** A small JPEG of a very large frame, or undefined when the file can be shown as it is (or cannot be read). */
export function thumbnailOf(bytes: Uint8Array): Uint8Array | undefined {
  const header = imageHeader(bytes, (position) => bytes.subarray(position));
  if (header === undefined || Math.max(header.width, header.height) <= largeSide) return undefined;
  if (header.width * header.height > megapixelLimit * 1e6 || header.format === "bmp") return undefined;
  try {
    const frame: Pixels = header.format === "png" ? PNG.sync.read(Buffer.from(bytes)) : decodeJpeg(bytes);
    return jpeg.encode(scaleDown(frame, thumbnailSide), jpegQuality).data;
  } catch {
    // A damaged frame is shown as the browser can; the preview is about the others too.
    return undefined;
  }
}

function decodeJpeg(bytes: Uint8Array): Pixels {
  return jpeg.decode(bytes, { useTArray: true, maxResolutionInMP: megapixelLimit, maxMemoryUsageInMB: 1024 });
}
