import { readFileStart, sha256OfFileSync } from "../../fs/head.ts";
import type { GrayImage } from "../decode/gray-image.ts";
import { grayLevels } from "../decode/gray-levels.ts";
import { imageHeader } from "../image-header.ts";
import { copyLimits, type Depth, headRows, nearMean, type Sketch, sketchOf } from "../sketch.ts";
import { keepingLevels, levelsOf } from "./levels.ts";

/** How alike two images are: `copy` differs by rounding alone, `near` by a re-encoding or less. */
export type Likeness = "copy" | "near";

/** An image and held-out ones: first those that it may be a `copy` of, then those that it may be `near`. */
export type Comparison = { readonly path: string; readonly held: readonly string[]; readonly copies: number };
export type Compared = { readonly held: number; readonly likeness: Likeness };

/** The first rows of most images lie within this many bytes. */
const startBytes = 128 * 1024;

/** A sketch of each image; undefined for one that cannot be decoded. */
export function sketches(paths: readonly string[], depth: Depth): (Sketch | undefined)[] {
  return paths.map((path) => {
    const start = depth === "head" ? startBytes : undefined;
    const { bytes, size_bytes } = readFileStart(path, start);
    const rows = depth === "head" ? headRows : undefined;
    const first = grayLevels(bytes, rows, size_bytes);
    const whole = first === undefined && bytes.length < size_bytes ? readFileStart(path).bytes : bytes;
    const gray = first ?? (whole === bytes ? undefined : grayLevels(whole, rows));
    const height = imageHeader(whole, (position) => whole.subarray(position))?.height;
    return gray === undefined || height === undefined ? undefined : sketchOf(gray, depth, height);
  });
}

/** sha256 of the bytes of each file. */
export function digests(paths: readonly string[]): string[] {
  return paths.map(sha256OfFileSync);
}

/** The most alike held-out image of each image by its pixels: the first copy, else the first near one. */
export function compared(pairs: readonly Comparison[]): (Compared | undefined)[] {
  // Each held-out image is compared with several others.
  const keptLevels = keepingLevels();
  return pairs.map(({ path, held, copies }) => {
    const own = levelsOf(path);
    let near: Compared | undefined;
    for (const [at, other] of held.entries()) {
      if (near !== undefined && at >= copies) break;
      const likeness = own && likenessOf(own, keptLevels(other));
      if (likeness === "copy") return { held: at, likeness };
      if (likeness === "near") near ??= { held: at, likeness };
    }
    return near;
  });
}

function likenessOf(a: GrayImage, b: GrayImage | undefined): Likeness | undefined {
  if (b === undefined || a.width !== b.width || a.height !== b.height) return undefined;
  const limit = nearMean * a.data.length;
  let sum = 0;
  let most = 0;
  for (let at = 0; at < a.data.length; at++) {
    const difference = Math.abs((a.data[at] as number) - (b.data[at] as number));
    sum += difference;
    if (difference > most) most = difference;
    if (sum > limit) return undefined;
  }
  return most <= copyLimits.most && sum <= copyLimits.mean * a.data.length ? "copy" : "near";
}
