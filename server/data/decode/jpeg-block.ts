/** Where the n-th coded coefficient of a block lies. */
export const zigzag = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
]);

/** How coefficients become levels: in floats, or in whole numbers. */
export type Transform = {
  /** Whether images of three components are decoded as well. */
  readonly colours: boolean;
  /** Quantisation steps, each where its coefficient lies, from steps in coded order. */
  steps(coded: ArrayLike<number>): Block;
  blank(): Block;
  /** Writes a block, levels 0..255, into a plane. */
  put(block: Block, plane: Uint8Array, at: number, stride: number): void;
  /** Writes a block whose only coefficient is its mean. */
  putFlat(mean: number, plane: Uint8Array, at: number, stride: number): void;
};
export type Block = Float32Array | Int32Array;

/** Right but for rounding: levels may differ by one or two from those of other decoders. */
export const quickTransform: Transform = {
  colours: true,
  steps: scaledSteps,
  blank: () => new Float32Array(64),
  put: putBlock,
  putFlat,
};

const scale = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** Steps with the factors that the transform below leaves out. */
function scaledSteps(steps: ArrayLike<number>): Float32Array {
  const scaled = new Float32Array(64);
  for (let coded = 0; coded < 64; coded++) {
    const at = zigzag[coded] as number;
    scaled[at] = ((steps[coded] ?? 0) * (scale[at >> 3] as number) * (scale[at & 7] as number)) / 8;
  }
  return scaled;
}

function putFlat(level: number, plane: Uint8Array, at: number, stride: number): void {
  const value = clamp(level + 128);
  for (let y = 0; y < 8; y++) plane.fill(value, at + y * stride, at + y * stride + 8);
}

/** Inverse cosine transform (Arai, Agui, Nakajima) of scaled coefficients. */
function putBlock(block: Block, plane: Uint8Array, at: number, stride: number): void {
  for (let column = 0; column < 8; column++) transform(block, column, 8);
  for (let row = 0; row < 8; row++) {
    transform(block, row * 8, 1);
    const to = at + row * stride;
    for (let x = 0; x < 8; x++) plane[to + x] = clamp((block[row * 8 + x] as number) + 128);
  }
}

function clamp(level: number): number {
  return level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0;
}

function transform(b: Block, from: number, step: number): void {
  const i1 = from + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const b0 = b[from] as number;
  const b1 = b[i1] as number;
  const b2 = b[i2] as number;
  const b3 = b[i3] as number;
  const b4 = b[i4] as number;
  const b5 = b[i5] as number;
  const b6 = b[i6] as number;
  const b7 = b[i7] as number;
  if (b1 === 0 && b2 === 0 && b3 === 0 && b4 === 0 && b5 === 0 && b6 === 0 && b7 === 0) {
    for (let at = i1; at <= i7; at += step) b[at] = b0;
    return;
  }
  const sum04 = b0 + b4;
  const dif04 = b0 - b4;
  const sum26 = b2 + b6;
  const dif26 = (b2 - b6) * Math.SQRT2 - sum26;
  const e0 = sum04 + sum26;
  const e3 = sum04 - sum26;
  const e1 = dif04 + dif26;
  const e2 = dif04 - dif26;
  const z13 = b5 + b3;
  const z10 = b5 - b3;
  const z11 = b1 + b7;
  const z12 = b1 - b7;
  const o7 = z11 + z13;
  const z5 = (z10 + z12) * 1.847759065;
  const o6 = z5 - z10 * 2.61312593 - o7;
  const o5 = (z11 - z13) * Math.SQRT2 - o6;
  const o4 = z5 - z12 * 1.0823922 - o5;
  b[from] = e0 + o7;
  b[i7] = e0 - o7;
  b[i1] = e1 + o6;
  b[i6] = e1 - o6;
  b[i2] = e2 + o5;
  b[i5] = e2 - o5;
  b[i3] = e3 + o4;
  b[i4] = e3 - o4;
}
