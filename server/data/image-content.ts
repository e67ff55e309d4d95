import { createHash } from "node:crypto";
import { decode as decodeJpeg } from "jpeg-js";
import { PNG } from "pngjs";
import { readBytes } from "../fs/read.ts";

/** What an image shows, apart from its name and place. */
export type ImageContent = {
  /** Of the file's bytes. */
  readonly bytes: string;
  /** Of the decoded pixels, so that a re-saved lossless copy has the same; absent when nothing here decodes the file. */
  readonly pixels?: string;
  /** Mean gray of 16 x 16 fields, one byte each, base64: close images have close fields. */
  readonly fields?: string;
};

/** Gray levels 0..255 in rows. */
export type GrayImage = { readonly width: number; readonly height: number; readonly data: Uint8Array };

const side = 16;
const jpegMemoryMb = 512;

/** Reads an image once and describes its content. @throws Refusal `input.unreadable-file`. */
export async function describeImage(path: string): Promise<ImageContent> {
  const bytes = await readBytes(path);
  const digest = createHash("sha256").update(bytes).digest("base64url");
  const decoded = decodeRgba(bytes);
  if (decoded === undefined) return { bytes: digest };
  const { width, height, data } = decoded;
  const pixels = createHash("sha256").update(`${width}x${height}\n`).update(data).digest("base64url");
  const fields = Buffer.from(meanFields(toGray(decoded))).toString("base64");
  return { bytes: digest, pixels, fields };
}

/** The gray levels of an image, or undefined when it cannot be decoded. */
export async function readGray(path: string): Promise<GrayImage | undefined> {
  const decoded = decodeRgba(await readBytes(path));
  return decoded === undefined ? undefined : toGray(decoded);
}

/** Mean and largest difference of gray levels; undefined for images of different size. */
export function grayDifference(a: GrayImage, b: GrayImage): { mean: number; most: number } | undefined {
  if (a.width !== b.width || a.height !== b.height) return undefined;
  let sum = 0;
  let most = 0;
  for (let at = 0; at < a.data.length; at++) {
    const difference = Math.abs((a.data[at] ?? 0) - (b.data[at] ?? 0));
    sum += difference;
    if (difference > most) most = difference;
  }
  return { mean: sum / Math.max(1, a.data.length), most };
}

type Rgba = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** A file that does not decode is for the row checks to name; here it merely has no pixels. */
function decodeRgba(bytes: Uint8Array): Rgba | undefined {
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      return decodeJpeg(bytes, { useTArray: true, formatAsRGBA: true, maxMemoryUsageInMB: jpegMemoryMb });
    }
    if (bytes[0] !== 0x89 || bytes[1] !== 0x50) return undefined;
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return undefined;
  }
}

function toGray({ width, height, data }: Rgba): GrayImage {
  const gray = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < gray.length; at++, from += 4) {
    gray[at] = (77 * (data[from] ?? 0) + 150 * (data[from + 1] ?? 0) + 29 * (data[from + 2] ?? 0)) >> 8;
  }
  return { width, height, data: gray };
}

function meanFields({ width, height, data }: GrayImage): Uint8Array {
  const sums = new Float64Array(side * side);
  const counts = new Uint32Array(side * side);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * side) / height) * side;
    for (let x = 0; x < width; x++) {
      const field = row + Math.floor((x * side) / width);
      sums[field] = (sums[field] ?? 0) + (data[y * width + x] ?? 0);
      counts[field] = (counts[field] ?? 0) + 1;
    }
  }
  return Uint8Array.from(sums, (sum, field) => Math.round(sum / Math.max(1, counts[field] ?? 1)));
}
