import { tiffHeader } from "./tiff-header.ts";

export type ImageFormat = "jpeg" | "png" | "bmp" | "tiff" | "webp";

/** What the first bytes of an image tell. */
export type ImageHeader = {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
  /** Gray levels of more than eight bits, which TAO's loader (Pillow, to RGB) cuts off at 255 instead of scaling. */
  readonly deep?: true;
};

/** Reads more bytes of the same file from a position; fewer at its end. */
export type ReadMore = (position: number) => Uint8Array;

/** Segments before the frame header of a JPEG; more than any camera writes. */
const segmentLimit = 500;

/**
 * Format and size of an image from its first bytes, or undefined when they are no header with a size of a format that
 * TAO reads: JPEG, PNG, BMP, TIFF, WebP.
 *
 * A JPEG may carry a preview before its frame header, a TIFF its directory at its end; then `more` is asked for bytes
 * further on.
 */
export function imageHeader(head: Uint8Array, more: ReadMore): ImageHeader | undefined {
  if (head[0] === 0xff && head[1] === 0xd8) return jpegHeader(head, more);
  if (isPng(head)) return pngHeader(head);
  if (head[0] === 0x42 && head[1] === 0x4d && head.length >= 26) {
    return sized("bmp", littleInt32(head, 18), Math.abs(littleInt32(head, 22)));
  }
  if (text(head, 0, 4) === "RIFF" && text(head, 8, 12) === "WEBP") return webpHeader(head);
  const tiff = tiffHeader(head, more);
  return tiff && { format: "tiff", ...tiff };
}

/** Gray of 16 bits, with or without alpha. */
function pngHeader(head: Uint8Array): ImageHeader | undefined {
  const header = sized("png", uint32(head, 16), uint32(head, 20));
  const deep = head[24] === 16 && head[25] === 0;
  return header && (deep ? { ...header, deep } : header);
}

/** The three kinds of WebP: lossy, lossless, extended. */
function webpHeader(head: Uint8Array): ImageHeader | undefined {
  if (head.length < 30) return undefined;
  const uint24 = (at: number) => littleInt32(head, at) & 0xffffff;
  const kind = text(head, 12, 16);
  if (kind === "VP8X") return sized("webp", uint24(24) + 1, uint24(27) + 1);
  if (kind === "VP8 ") return sized("webp", littleInt32(head, 26) & 0x3fff, (littleInt32(head, 26) >> 16) & 0x3fff);
  if (kind !== "VP8L" || head[20] !== 0x2f) return undefined;
  const bits = littleInt32(head, 21);
  return sized("webp", (bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

function jpegHeader(head: Uint8Array, more: ReadMore): ImageHeader | undefined {
  let bytes = head;
  let origin = 0;
  let at = 2;
  for (let segment = 0; segment < segmentLimit; segment++) {
    if (at + 9 > origin + bytes.length) {
      bytes = more(at);
      origin = at;
      if (bytes.length < 9) return undefined;
    }
    const from = at - origin;
    if (bytes[from] !== 0xff) return undefined;
    const marker = bytes[from + 1] ?? 0;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (isFrame(marker)) return sized("jpeg", uint16(bytes, from + 7), uint16(bytes, from + 5));
    if (marker === 0xd9 || marker === 0xda) return undefined;
    at += isBare(marker) ? 2 : 2 + Math.max(2, uint16(bytes, from + 2));
  }
  return undefined;
}

/** Start of frame: C0 to CF but for the tables C4, C8 and CC. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function isBare(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

const pngStart = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52];

function isPng(head: Uint8Array): boolean {
  return head.length >= 24 && pngStart.every((byte, at) => head[at] === byte);
}

function sized(format: ImageHeader["format"], width: number, height: number): ImageHeader | undefined {
  return width > 0 && height > 0 ? { format, width, height } : undefined;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function uint32(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 65536 + uint16(bytes, at + 2);
}

function littleInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
