import type { GrayImage } from "../decode/gray-image.ts";
import { fieldMeans } from "./fields.ts";

/** A part of an image in shares of its sides: where it begins and how long its sides are. */
export type Window = { readonly x: number; readonly y: number; readonly side: number };

/**
 * What an image coarsely shows: the low frequencies of the whole and of some windows in it, by which a copy is found again
 * that was turned, mirrored, scaled, cut, brightened or compressed. One row of `perWindow` numbers a window.
 */
export type Fingerprint = Int8Array;

const whole: Window = { x: 0, y: 0, side: 1 };

/** The whole, and what a cut of a tenth and of a fifth leaves in the middle and in the corners. */
export const windows: readonly Window[] = [whole, ...[0.9, 0.8].flatMap(cuts)];

function cuts(side: number): Window[] {
  const [middle, end] = [(1 - side) / 2, 1 - side];
  const places = [
    [middle, middle],
    [0, 0],
    [end, 0],
    [0, end],
    [end, end],
  ] as const;
  return places.map(([x, y]) => ({ x, y, side }));
}

/** Frequencies on each side, the mean left out. */
const frequencies = 8;
export const perWindow = frequencies * frequencies - 1;
/** Fields on each side of the picture that fingerprints are made of. */
const fields = 48;
/** Gray levels of deviation below which a window shows nothing. */
const flat = 3;

/** Takes an image's fingerprint, of all windows or the first ones; undefined for a flat one. A flat window of another is all zero and fits nothing. */
export function fingerprintOf(image: GrayImage, count: number = windows.length): Fingerprint | undefined {
  const sums = summed(image);
  const print = new Int8Array(count * perWindow);
  for (let at = 0; at < count; at++) {
    const found = spectrum(sums, at);
    if (found === undefined && at === 0) return undefined;
    if (found !== undefined) print.set(found, at * perWindow);
  }
  return print;
}

/** Sums over all fields left of and above each corner: the mean over any rectangle takes four of them. */
function summed(image: GrayImage): Float64Array {
  const means = fieldMeans(image, fields);
  const stride = fields + 1;
  const sums = new Float64Array(stride * stride);
  for (let row = 1; row <= fields; row++) {
    let line = 0;
    for (let column = 1; column <= fields; column++) {
      line += means[(row - 1) * fields + column - 1] as number;
      sums[row * stride + column] = (sums[(row - 1) * stride + column] as number) + line;
    }
  }
  return sums;
}

/** Cosines of the frequencies over the fields of a window. */
const cosines = Float64Array.from({ length: frequencies * frequencies }, (_, at) => {
  const [u, x] = [Math.floor(at / frequencies), at % frequencies];
  return Math.cos((Math.PI * (2 * x + 1) * u) / (2 * frequencies)) * Math.sqrt((u === 0 ? 1 : 2) / frequencies);
});

/** The frequencies of a window, scaled so that only their shares count; undefined where it is flat. */
function spectrum(sums: Float64Array, window: number): Int8Array | undefined {
  const values = transformed(transformed(meansIn(sums, corners[window] as Corners)));
  values[0] = 0;
  let squares = 0;
  for (const value of values) squares += value * value;
  const length = Math.sqrt(squares);
  if (length < flat * frequencies) return undefined;
  const print = new Int8Array(perWindow);
  for (let at = 0; at < perWindow; at++) print[at] = Math.round((100 * (values[at + 1] as number)) / length);
  return print;
}

function meansIn(sums: Float64Array, { left, right, top, bottom, area }: Corners): Float64Array {
  const means = new Float64Array(frequencies * frequencies);
  for (let row = 0, at = 0; row < frequencies; row++) {
    for (let column = 0; column < frequencies; column++, at++) {
      const below = sumAt(sums, right, column, bottom, row) - sumAt(sums, left, column, bottom, row);
      means[at] = (below - sumAt(sums, right, column, top, row) + sumAt(sums, left, column, top, row)) / area;
    }
  }
  return means;
}

/** Cosine transform of the rows, laid out as columns: done twice, it transforms both ways. */
function transformed(values: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  for (let row = 0; row < frequencies; row++) {
    for (let u = 0; u < frequencies; u++) {
      let sum = 0;
      for (let x = 0; x < frequencies; x++) {
        sum += (values[row * frequencies + x] as number) * (cosines[u * frequencies + x] as number);
      }
      out[u * frequencies + row] = sum;
    }
  }
  return out;
}

/** Lines between the fields that bound the means of a window: the one before each, and how far beyond it in shares of a field. */
type Lines = { readonly before: Int32Array; readonly beyond: Float64Array };
type Corners = Readonly<Record<"left" | "right" | "top" | "bottom", Lines>> & { readonly area: number };

const corners: readonly Corners[] = windows.map(({ x, y, side }) => {
  const step = (fields * side) / frequencies;
  const lines = (start: number, width: number): Lines => {
    const places = Float64Array.from({ length: frequencies }, (_, at) => start * fields + at * step + width);
    const before = Int32Array.from(places, (place) => Math.min(fields - 1, Math.floor(place)));
    return { before, beyond: places.map((place, at) => place - (before[at] as number)) };
  };
  return { left: lines(x, 0), right: lines(x, step), top: lines(y, 0), bottom: lines(y, step), area: step * step };
});

/** The sum up to where two lines cross. */
function sumAt(sums: Float64Array, across: Lines, column: number, down: Lines, row: number): number {
  const stride = fields + 1;
  const corner = (down.before[row] as number) * stride + (across.before[column] as number);
  const dx = across.beyond[column] as number;
  const dy = down.beyond[row] as number;
  const top = (sums[corner] as number) * (1 - dx) + (sums[corner + 1] as number) * dx;
  const bottom = (sums[corner + stride] as number) * (1 - dx) + (sums[corner + stride + 1] as number) * dx;
  return top * (1 - dy) + bottom * dy;
}

/** The eight ways to lay a square on itself: first transposed or not, then mirrored along either axis or not. */
export const orientations = [0, 1, 2, 3, 4, 5, 6, 7] as const;

/** The frequencies of a window as they are of the image laid otherwise: they change places and signs, no more. */
export function turned(print: Int8Array, orientation: number): Int8Array {
  const [transposed, mirrorX, mirrorY] = [orientation & 1, orientation & 2, orientation & 4];
  const out = new Int8Array(perWindow);
  for (let at = 1; at <= perWindow; at++) {
    const [v, u] = [Math.floor(at / frequencies), at % frequencies];
    const from = transposed ? u * frequencies + v : at;
    const sign = (mirrorX && u % 2 === 1 ? -1 : 1) * (mirrorY && v % 2 === 1 ? -1 : 1);
    out[at - 1] = sign * (print[from - 1] as number);
  }
  return out;
}

/** Fingerprints of one length one behind the other: a process is sent one array at a stroke, and thousands take a fifth of a second. */
export type Packed = { readonly values: Int8Array; readonly there: Uint8Array };

export function packed(prints: readonly (Fingerprint | undefined)[]): Packed {
  const printBytes = prints.find((print) => print !== undefined)?.length ?? 0;
  const values = new Int8Array(printBytes * prints.length);
  for (const [at, print] of prints.entries()) if (print !== undefined) values.set(print, printBytes * at);
  return { values, there: Uint8Array.from(prints, (print) => Number(print !== undefined)) };
}

export function unpacked({ values, there }: Packed): (Fingerprint | undefined)[] {
  const printBytes = values.length / Math.max(1, there.length);
  return Array.from(there, (is, at) =>
    is === 1 ? values.subarray(printBytes * at, printBytes * (at + 1)) : undefined,
  );
}
