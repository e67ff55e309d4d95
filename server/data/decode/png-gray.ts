import { type GrayImage, luma } from "./gray-image.ts";
import { inflated, wholeInflated } from "./inflated.ts";

const samplesOf = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

type Png = {
  readonly width: number;
  readonly height: number;
  readonly colour: number;
  readonly samples: number;
  readonly palette: Uint8Array | undefined;
  readonly data: Uint8Array;
};

/**
 * The gray levels of the common sort of PNG (8 bits a sample, not interlaced), its first `rows` or all; undefined for
 * every other one, and for data that ends early or is spoiled, or of which more follows than all rows. Of the first ones
 * little more is inflated.
 */
export function pngGray(bytes: Uint8Array, rows = Number.POSITIVE_INFINITY): GrayImage | undefined {
  const png = readChunks(bytes);
  if (png === undefined) return undefined;
  const height = Math.min(png.height, rows);
  const line = png.width * png.samples;
  const take = height < png.height ? inflated : wholeInflated;
  const raw = take(png.data, (line + 1) * height);
  if (raw === undefined || !unfilter(raw, line, height, png.samples)) return undefined;
  return { width: png.width, height, data: grayOf(raw, png, height) };
}

function readChunks(bytes: Uint8Array): Png | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || view.getUint32(12) !== 0x49484452) return undefined;
  const [width, height, depth, colour = 0, , , interlace] = [
    view.getUint32(16),
    view.getUint32(20),
    ...bytes.subarray(24, 29),
  ];
  const samples = samplesOf.get(colour);
  if (depth !== 8 || interlace !== 0 || samples === undefined || width === 0 || height === 0) return undefined;
  let palette: Uint8Array | undefined;
  const pieces: Uint8Array[] = [];
  for (let at = 33; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (type === 0x49444154) pieces.push(bytes.subarray(at + 8, at + 8 + length));
    else if (type === 0x504c5445) palette = bytes.subarray(at + 8, at + 8 + length);
    else if (type === 0x49454e44) break;
    at += 12 + length;
  }
  if (colour === 3 && palette === undefined) return undefined;
  const [only] = pieces;
  return { width, height, colour, samples, palette, data: pieces.length === 1 && only ? only : Buffer.concat(pieces) };
}

function unfilter(raw: Uint8Array, line: number, height: number, samples: number): boolean {
  for (let y = 0; y < height; y++) {
    const from = y * (line + 1) + 1;
    const above = y === 0 ? -1 : from - line - 1;
    const filter = raw[from - 1] as number;
    if (filter > 4) return false;
    if (filter === 0 || (filter === 2 && above < 0)) continue;
    for (let x = 0; x < line; x++) {
      const left = x < samples ? 0 : (raw[from + x - samples] as number);
      const up = above < 0 ? 0 : (raw[above + x] as number);
      if (filter === 1) raw[from + x] = (raw[from + x] as number) + left;
      else if (filter === 2) raw[from + x] = (raw[from + x] as number) + up;
      else if (filter === 3) raw[from + x] = (raw[from + x] as number) + ((left + up) >> 1);
      else {
        const corner = above < 0 || x < samples ? 0 : (raw[above + x - samples] as number);
        raw[from + x] = (raw[from + x] as number) + paeth(left, up, corner);
      }
    }
  }
  return true;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function grayOf(raw: Uint8Array, { width, colour, samples, palette }: Png, height: number): Uint8Array {
  const gray = new Uint8Array(width * height);
  const line = width * samples + 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0, from = y * line + 1; x < width; x++, from += samples) {
      const at = colour === 3 ? 3 * (raw[from] as number) : from;
      const source = colour === 3 ? (palette as Uint8Array) : raw;
      const one = source[at] ?? 0;
      gray[y * width + x] = samples <= 2 && colour !== 3 ? one : luma(one, source[at + 1] ?? 0, source[at + 2] ?? 0);
    }
  }
  return gray;
}
