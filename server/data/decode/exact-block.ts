import { type Block, type Transform, zigzag } from "./jpeg-block.ts";

/** Cosines and sines of the transform in twelve bits: of 1/16, 3/16 and 6/16 of pi, and the square root of 2 and of 1/2. */
const [cos1, sin1, cos3, sin3, cos6, sin6, root2, rootHalf] = [4017, 799, 3406, 2276, 1567, 3784, 5793, 2896];

/**
 * Inverse cosine transform in whole numbers (Loeffler, Ligtenberg, Moschytz). Every intermediate value is rounded where
 * the library that decodes other images rounds it, so that levels are the very same.
 */
export const exactTransform: Transform = {
  colours: false,
  steps: placedSteps,
  blank: () => new Int32Array(64),
  put: putBlock,
  putFlat,
};

function placedSteps(steps: ArrayLike<number>): Int32Array {
  const placed = new Int32Array(64);
  for (let coded = 0; coded < 64; coded++) placed[zigzag[coded] as number] = steps[coded] ?? 0;
  return placed;
}

function putBlock(block: Block, plane: Uint8Array, at: number, stride: number): void {
  for (let row = 0; row < 64; row += 8) transform(block, row, 1, 8);
  for (let column = 0; column < 8; column++) transform(block, column, 8, 12);
  for (let row = 0, from = 0; row < 8; row++) {
    const to = at + row * stride;
    for (let x = 0; x < 8; x++) plane[to + x] = clamp(block[from++] as number);
  }
}

function putFlat(mean: number, plane: Uint8Array, at: number, stride: number): void {
  const level = clamp((root2 * ((root2 * mean + 512) >> 10) + 8192) >> 14);
  for (let y = 0; y < 8; y++) plane.fill(level, at + y * stride, at + y * stride + 8);
}

function clamp(value: number): number {
  const level = 128 + ((value + 8) >> 4);
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

/** One line of eight; rows leave `12 - shift` bits of fraction to the columns, which take them off. */
function transform(b: Block, from: number, step: number, shift: number): void {
  const i1 = from + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const c0 = b[from] as number;
  const c1 = b[i1] as number;
  const c2 = b[i2] as number;
  const c3 = b[i3] as number;
  const c4 = b[i4] as number;
  const c5 = b[i5] as number;
  const c6 = b[i6] as number;
  const c7 = b[i7] as number;
  if ((c1 | c2 | c3 | c4 | c5 | c6 | c7) === 0) {
    const level = (root2 * c0 + (1 << (shift + 1))) >> (shift + 2);
    for (let at = from; at <= i7; at += step) b[at] = level;
    return;
  }
  const half = 1 << (shift - 1);
  const first = (root2 * c0 + half) >> shift;
  const middle = (root2 * c4 + half) >> shift;
  const sum = (first + middle + 1) >> 1;
  const apart = (first - middle + 1) >> 1;
  const high = (c2 * sin6 + c6 * cos6 + half) >> shift;
  const low = (c2 * cos6 - c6 * sin6 + half) >> shift;
  const even0 = (sum + high + 1) >> 1;
  const even3 = (sum - high + 1) >> 1;
  const even1 = (apart + low + 1) >> 1;
  const even2 = (apart - low + 1) >> 1;
  const minus = (rootHalf * (c1 - c7) + half) >> shift;
  const plus = (rootHalf * (c1 + c7) + half) >> shift;
  const third = c3 << (12 - shift);
  const fifth = c5 << (12 - shift);
  const a4 = (minus + fifth + 1) >> 1;
  const a6 = (minus - fifth + 1) >> 1;
  const a7 = (plus + third + 1) >> 1;
  const a5 = (plus - third + 1) >> 1;
  const odd7 = (a4 * sin3 + a7 * cos3 + 2048) >> 12;
  const odd4 = (a4 * cos3 - a7 * sin3 + 2048) >> 12;
  const odd6 = (a5 * sin1 + a6 * cos1 + 2048) >> 12;
  const odd5 = (a5 * cos1 - a6 * sin1 + 2048) >> 12;
  b[from] = even0 + odd7;
  b[i7] = even0 - odd7;
  b[i1] = even1 + odd6;
  b[i6] = even1 - odd6;
  b[i2] = even2 + odd5;
  b[i5] = even2 - odd5;
  b[i3] = even3 + odd4;
  b[i4] = even3 - odd4;
}
