import jpeg from "jpeg-js";
import { decodePixels, type Pixels } from "../data/decode/decode-image.ts";
import type { Picture } from "./model.ts";

/** Larger images are not decoded: inspected crops are a few hundred pixels wide, and decoding must not take seconds. */
const megapixelLimit = 6;
/** A page of 2 MB has room for thirty files of this size. */
const verbatimBytes = 24_000;

/** An image file with what it shows. */
export type ImageFile = { readonly bytes: Uint8Array; readonly type: "jpeg" | "png"; readonly pixels: Pixels };

/** Decodes a JPEG or PNG; undefined when it is neither, broken or too large. */
export function decode(bytes: Uint8Array): ImageFile | undefined {
  const pixels = decodePixels(bytes, megapixelLimit);
  return pixels && { bytes, type: bytes[0] === 0xff ? "jpeg" : "png", pixels };
}

/**
 * The image as a data URI of at most `side` pixels a side. A small file goes in as it is: nothing is lost, and
 * encoding is what takes the time.
 */
export function pictureOf({ bytes, type, pixels }: ImageFile, side: number): Picture {
  const { width, height } = pixels;
  if (Math.max(width, height) > side || bytes.length > verbatimBytes) return picture(scaleDown(pixels, side));
  return { uri: dataUri(type, bytes), width, height };
}

/** Scales down to at most `side` pixels a side by averaging areas; a smaller image stays as it is. */
export function scaleDown(image: Pixels, side: number): Pixels {
  const factor = Math.max(image.width, image.height) / side;
  if (factor <= 1) return image;
  return resize(image, Math.max(1, Math.round(image.width / factor)), Math.max(1, Math.round(image.height / factor)));
}

function resize(image: Pixels, width: number, height: number): Pixels {
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const top = Math.floor((y * image.height) / height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * image.height) / height));
    for (let x = 0; x < width; x++) {
      const left = Math.floor((x * image.width) / width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * image.width) / width));
      average(image, left, top, right, bottom, data, (y * width + x) * 4);
    }
  }
  return { width, height, data };
}

function average(
  { data, width }: Pixels,
  left: number,
  top: number,
  right: number,
  bottom: number,
  into: Uint8Array,
  at: number,
): void {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const from = (y * width + x) * 4;
      red += data[from] ?? 0;
      green += data[from + 1] ?? 0;
      blue += data[from + 2] ?? 0;
    }
  }
  const pixels = (right - left) * (bottom - top);
  into[at] = red / pixels;
  into[at + 1] = green / pixels;
  into[at + 2] = blue / pixels;
  into[at + 3] = 255;
}

/** Where two images differ, dark where they agree: the largest channel difference, stretched so that the largest one is white. */
export function difference(test: Pixels, golden: Pixels): Pixels {
  const other = resize(golden, test.width, test.height);
  const data = new Uint8Array(test.data.length);
  let largest = 1;
  for (let at = 0; at < data.length; at += 4) {
    let most = 0;
    for (let channel = at; channel < at + 3; channel++) {
      most = Math.max(most, Math.abs((test.data[channel] ?? 0) - (other.data[channel] ?? 0)));
    }
    data[at] = most;
    largest = Math.max(largest, most);
  }
  for (let at = 0; at < data.length; at += 4) {
    const shown = ((data[at] ?? 0) * 255) / largest;
    data.fill(shown, at, at + 3);
    data[at + 3] = 255;
  }
  return { width: test.width, height: test.height, data };
}

/** Pixels as a JPEG data URI. */
export function picture(image: Pixels): Picture {
  const encoded = jpeg.encode({ width: image.width, height: image.height, data: Buffer.from(image.data) }, 82);
  return { uri: dataUri("jpeg", encoded.data), width: image.width, height: image.height };
}

/** An encoded image as a data URI. */
export function dataUri(type: ImageFile["type"], bytes: Uint8Array): string {
  return `data:image/${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;
}
