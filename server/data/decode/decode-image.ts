import { inflateSync } from "node:zlib";
import { decode as decodeJpeg } from "jpeg-js";
import { PNG } from "pngjs";
import { imageHeader } from "../image-header.ts";
import { inflated } from "./inflated.ts";

/** Pixels as RGBA bytes. */
export type Pixels = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** More than any camera of an inspection line takes; decoded four bytes a pixel. */
export const megapixelLimit = 64;
const jpegMemoryMb = 1024;
/**
 * Pixels that one byte of a file can stand for at most: two bits code a block of 64 pixels of a JPEG; deflate packs a
 * thousand to one. A header that promises more belongs to a file cut short, or to a bomb.
 */
const pixelsPerByte = { jpeg: 1024, png: 8300 } as const;

/** Whether a JPEG or PNG may be decoded: it is one, of a size that memory bears and that its bytes can hold. */
export function isDecodable(bytes: Uint8Array, fileBytes = bytes.length, megapixels = megapixelLimit): boolean {
  const header = imageHeader(bytes, (position) => bytes.subarray(position));
  if (header === undefined || (header.format !== "jpeg" && header.format !== "png")) return false;
  const pixels = header.width * header.height;
  return pixels <= megapixels * 1e6 && pixels <= fileBytes * pixelsPerByte[header.format];
}

/**
 * Decodes a JPEG or PNG of any kind; undefined when it is neither, broken, larger than `megapixels`, or promises more
 * pixels than it can hold.
 */
export function decodePixels(bytes: Uint8Array, megapixels = megapixelLimit): Pixels | undefined {
  try {
    return decodeImage(bytes, megapixels);
  } catch {
    return undefined;
  }
}

/** Like `decodePixels`, but throws, whatever the libraries throw among it. */
export function decodeImage(bytes: Uint8Array, megapixels = megapixelLimit): Pixels {
  const header = imageHeader(bytes, (position) => bytes.subarray(position));
  if (header === undefined || !isDecodable(bytes, bytes.length, megapixels)) throw new Error("no image to decode");
  const pixels = header.width * header.height;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.format === "jpeg") {
    if (scansOf(buffer) * pixels > scanPixels) throw new Error("more scans than a picture has");
    const limits = { maxResolutionInMP: megapixels, maxMemoryUsageInMB: jpegMemoryMb };
    return decodeJpeg(bytes, { useTArray: true, formatAsRGBA: true, ...limits });
  }
  refuseBadRows(bytes, header.width, header.height);
  return PNG.sync.read(buffer);
}

/** Each scan of a progressive JPEG goes over the whole image, if only to change nothing; ten are usual. */
const scanPixels = 16 * megapixelLimit * 1e6;

/** Starts of scan in the file: inside coded data no other byte than 0 or a restart follows 0xff. */
function scansOf(bytes: Buffer): number {
  const mark = Buffer.of(0xff, 0xda);
  let count = 0;
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 2)) count++;
  return count;
}

/** Bytes of the decompressed rows: four of 8 bits for each of 64 million pixels. */
const rowBytes = 256e6;
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Throws for a PNG whose rows fill more memory than an image may, or end early or are spoiled. The library inflates an
 * interlaced PNG whatever comes out, and where a plain one has no good rows it gives memory that was never written.
 */
function refuseBadRows(bytes: Uint8Array, width: number, height: number): void {
  const [depth = 0, colour = 0, , , interlace = 0] = bytes.subarray(24, 29);
  const bits = (samplesOf[colour] ?? 4) * depth;
  if ((width * height * bits) / 8 > rowBytes) throw new Error("the rows are larger than an image may be");
  const rows = rowsOf(bytes);
  // Seven passes, each row with a filter byte and a rounded end.
  if (interlace !== 0) inflateSync(rows, { maxOutputLength: (width * height * bits) / 8 + 14 * (height + 8) });
  else if (inflated(rows, (Math.ceil((width * bits) / 8) + 1) * height) === undefined) {
    throw new Error("the rows end early");
  }
}

/** The compressed rows: the IDAT chunks one after the other. */
function rowsOf(bytes: Uint8Array): Buffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Uint8Array[] = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (type === 0x49444154) pieces.push(bytes.subarray(at + 8, at + 8 + length));
    else if (type === 0x49454e44) break;
    at += 12 + length;
  }
  return Buffer.concat(pieces);
}
