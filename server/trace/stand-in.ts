import { encode as encodeJpeg } from "jpeg-js";
import { PNG } from "pngjs";
import { type ImageHeader, imageHeader } from "../data/image-header.ts";
import { readHead } from "../fs/head.ts";

const headBytes = 65_536;

/** Format and size of an image file, or undefined when it is none. */
export async function imageFacts(path: string): Promise<ImageHeader | undefined> {
  const head = Buffer.alloc(headBytes);
  const read = await readHead(path, head);
  return typeof read === "number" ? imageHeader(head.subarray(0, read), () => new Uint8Array()) : undefined;
}

/**
 * What stands in a replay for a file whose content was too large to keep: an image of the same format and size with a
 * pattern of its hash, so that it can be decoded and equals no other, else the hash as text.
 */
export function standIn(sha256: string, image: ImageHeader | undefined): Uint8Array {
  if (image === undefined || (image.format !== "jpeg" && image.format !== "png"))
    return Buffer.from(`stand-in for ${sha256}\n`);
  const { width, height } = image;
  const shades = Buffer.from(sha256, "hex");
  const data = Buffer.alloc(width * height * 4, 255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    // Blocks of eight survive a JPEG encoding.
    const block = ((pixel % width) >> 3) + (Math.floor(pixel / width) >> 3) * 5;
    data.fill(shades[block % shades.length] ?? 0, pixel * 4, pixel * 4 + 3);
  }
  return image.format === "jpeg"
    ? encodeJpeg({ data, width, height }, 90).data
    : PNG.sync.write(Object.assign(new PNG({ width, height }), { data }));
}
