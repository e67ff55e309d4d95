import { PNG } from "pngjs";
import type { Gray } from "./gray.ts";

/** Encodes gray levels as an 8-bit RGB PNG; levels are rounded and cut to 0..255. */
export function encodePng(image: Gray): Uint8Array {
  const png = new PNG({ width: image.width, height: image.height });
  for (let p = 0, q = 0; p < image.data.length; p++, q += 4) {
    const level = Math.max(0, Math.min(255, Math.round(image.data[p] as number)));
    png.data[q] = level;
    png.data[q + 1] = level;
    png.data[q + 2] = level;
    png.data[q + 3] = 255;
  }
  return PNG.sync.write(png, { colorType: 2 });
}
