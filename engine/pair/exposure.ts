/** The two material levels of an image, dark and light, and whether both are really there. */
export type Materials = { dark: number; light: number; both: boolean };

const LEAST_CONTRAST = 35;
/** What a change on a one-material image must show before it counts as the other material and not as a mark. */
const SURE_CONTRAST = 70;
const USUAL_CONTRAST = 95;
const LEAST_GAIN = 0.35;

/**
 * Splits the levels of two registered images into a dark and a light material (two means over a common histogram).
 *
 * Where neither image shows two materials, the missing one is placed `USUAL_CONTRAST` gray levels away, on the side
 * that has room; `both` is false then.
 */
export function findMaterials(golden: Float32Array, test: Float32Array): Materials {
  const own = twoMeans(golden);
  if (own.light - own.dark >= LEAST_CONTRAST) return { ...own, both: true };
  const other = twoMeans(test);
  if (other.light - other.dark >= SURE_CONTRAST) return { ...other, both: false };
  const level = (own.dark + own.light) / 2;
  return level < 110
    ? { dark: level, light: level + USUAL_CONTRAST, both: false }
    : { dark: level - USUAL_CONTRAST, light: level, both: false };
}

function twoMeans(levels: Float32Array): { dark: number; light: number } {
  const counts = new Float64Array(256);
  for (let p = 0; p < levels.length; p++) {
    const level = levels[p] as number;
    const bin = level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0;
    counts[bin] = (counts[bin] as number) + 1;
  }
  let dark = percentile(counts, levels.length, 0.02);
  let light = percentile(counts, levels.length, 0.98);
  for (let round = 0; round < 8; round++) {
    const cut = (dark + light) / 2;
    let n0 = 0;
    let s0 = 0;
    let n1 = 0;
    let s1 = 0;
    for (let bin = 0; bin < 256; bin++) {
      const count = counts[bin] as number;
      if (bin <= cut) {
        n0 += count;
        s0 += count * bin;
      } else {
        n1 += count;
        s1 += count * bin;
      }
    }
    if (n0 > 0) dark = s0 / n0;
    if (n1 > 0) light = s1 / n1;
  }
  return { dark, light };
}

function percentile(counts: Float64Array, total: number, share: number): number {
  let sum = 0;
  for (let bin = 0; bin < 256; bin++) {
    sum += counts[bin] as number;
    if (sum >= share * total) return bin;
  }
  return 255;
}

/** Exponents of golden level, x and y in each term of the fit: what gain and offset are multiplied with. */
const TERMS: readonly (readonly [golden: number, x: number, y: number])[] = [
  [1, 0, 0],
  [1, 1, 0],
  [1, 0, 1],
  [0, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [0, 2, 0],
  [0, 1, 1],
  [0, 0, 2],
];
/** Every so many rows and columns a pixel is taken into the fit. */
const SAMPLE_STEP = 3;

/** How the test image is exposed against the golden one: fitted levels, and the local contrast between the materials. */
export type Exposure = { fitted: Float32Array; contrast: Float32Array };

/**
 * Fits the moved golden image to the test image by a slowly varying gain and offset.
 *
 * test = (g0 + g1 x + g2 y) golden + (quadratic in x, y), by weighted least squares with weights that fade for large
 * residuals, so that a defect does not bend the fit. The gain term is held near 1 where the image has one material.
 */
export function matchExposure(
  test: Float32Array,
  golden: Float32Array,
  width: number,
  height: number,
  materials: Materials,
): Exposure {
  const span = materials.light - materials.dark;
  const images = { test, golden, width, height, dark: materials.dark };
  const start = Float64Array.from(TERMS, (_, k) => (k === 0 ? 1 : 0));
  let terms = solveRound(images, start, medianDifference(test, golden, materials.dark), 0.9 * span, materials.both);
  for (const cut of [0.45, 0.3, 0.25]) terms = solveRound(images, terms, 0, cut * span, materials.both);
  const exposure = { fitted: new Float32Array(golden.length), contrast: new Float32Array(golden.length) };
  fillExposure(exposure, terms, images, span);
  return exposure;
}

function fillExposure(
  { fitted, contrast }: Exposure,
  terms: Float64Array,
  { golden, width, height, dark }: Images,
  span: number,
): void {
  const [g0 = 1, g1 = 0, g2 = 0, b0 = 0, bx = 0, by = 0, bxx = 0, bxy = 0, byy = 0] = terms;
  for (let row = 0, p = 0; row < height; row++) {
    const y = row / height - 0.5;
    for (let column = 0; column < width; column++, p++) {
      const x = column / width - 0.5;
      const gain = g0 + g1 * x + g2 * y;
      const offset = b0 + bx * x + by * y + bxx * x * x + bxy * x * y + byy * y * y;
      fitted[p] = gain * ((golden[p] as number) - dark) + offset;
      contrast[p] = (gain < LEAST_GAIN ? LEAST_GAIN : gain) * span;
    }
  }
}

type Images = {
  readonly test: Float32Array;
  readonly golden: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly dark: number;
};

/** One round: weighs each sample by how well the terms before fit it (`shift` added), and solves for new ones. */
function solveRound(images: Images, before: Float64Array, shift: number, cut: number, both: boolean): Float64Array {
  const { golden, level } = sumPowers(images, before, shift, cut);
  const normal = new Float64Array(TERMS.length ** 2);
  const right = new Float64Array(TERMS.length);
  for (const [row, [g, x, y]] of TERMS.entries()) {
    right[row] = level[place(g, x, y)] as number;
    for (const [column, [g2, x2, y2]] of TERMS.entries()) {
      normal[row * TERMS.length + column] = golden[place(g + g2, x + x2, y + y2)] as number;
    }
  }
  const hold = both ? 2e3 : 4e6;
  right[0] = (right[0] as number) + hold;
  for (const [k, [g]] of TERMS.entries()) {
    const at = k * (TERMS.length + 1);
    normal[at] = (normal[at] as number) + (g === 1 ? hold : 0.05);
  }
  return solveCholesky(normal, right);
}

/** Where the sum over golden level, x and y to these powers lies. */
const place = (g: number, x: number, y: number): number => (g * 5 + x) * 5 + y;

/** Weighted sums over the samples of products of powers: of golden level, x and y, and of these with the test's level. */
type Powers = { readonly golden: Float64Array; readonly level: Float64Array };

/** Sums along each row by powers of x, and these by powers of y: all that the terms' products need. */
function sumPowers(images: Images, before: Float64Array, shift: number, cut: number): Powers {
  const { test, golden, width, height, dark } = images;
  const [g0 = 1, g1 = 0, g2 = 0, b0 = 0, bx = 0, by = 0, bxx = 0, bxy = 0, byy = 0] = before;
  const sums = { golden: new Float64Array(75), level: new Float64Array(50) };
  for (let row = 1; row < height; row += SAMPLE_STEP) {
    const y = row / height - 0.5;
    const gain = g0 + g2 * y;
    const offset = shift + b0 + by * y + byy * y * y;
    const slope = bx + bxy * y;
    let [a0, a1, a2, a3, a4, c0, c1, c2, c3, d0, d1, d2] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let [l0, l1, l2, m0, m1] = [0, 0, 0, 0, 0];
    for (let column = 1; column < width; column += SAMPLE_STEP) {
      const x = column / width - 0.5;
      const p = row * width + column;
      const bright = (golden[p] as number) - dark;
      const level = test[p] as number;
      const residual = (level - (gain + g1 * x) * bright - offset - (slope + bxx * x) * x) / cut;
      const spread = 1 + residual * residual;
      const w = 1 / (spread * spread);
      const wx = w * x;
      const wxx = wx * x;
      a0 += w;
      a1 += wx;
      a2 += wxx;
      a3 += wxx * x;
      a4 += wxx * x * x;
      c0 += w * bright;
      c1 += wx * bright;
      c2 += wxx * bright;
      c3 += wxx * x * bright;
      d0 += w * bright * bright;
      d1 += wx * bright * bright;
      d2 += wxx * bright * bright;
      l0 += w * level;
      l1 += wx * level;
      l2 += wxx * level;
      m0 += w * bright * level;
      m1 += wx * bright * level;
    }
    addPowers(sums.golden, 0, 0, a0, y, 5);
    addPowers(sums.golden, 0, 1, a1, y, 4);
    addPowers(sums.golden, 0, 2, a2, y, 3);
    addPowers(sums.golden, 0, 3, a3, y, 2);
    addPowers(sums.golden, 0, 4, a4, y, 1);
    addPowers(sums.golden, 1, 0, c0, y, 4);
    addPowers(sums.golden, 1, 1, c1, y, 3);
    addPowers(sums.golden, 1, 2, c2, y, 2);
    addPowers(sums.golden, 1, 3, c3, y, 1);
    addPowers(sums.golden, 2, 0, d0, y, 3);
    addPowers(sums.golden, 2, 1, d1, y, 2);
    addPowers(sums.golden, 2, 2, d2, y, 1);
    addPowers(sums.level, 0, 0, l0, y, 3);
    addPowers(sums.level, 0, 1, l1, y, 2);
    addPowers(sums.level, 0, 2, l2, y, 1);
    addPowers(sums.level, 1, 0, m0, y, 2);
    addPowers(sums.level, 1, 1, m1, y, 1);
  }
  return sums;
}

/** Adds the sum of a row to these powers of golden level and x, times each of the first powers of y. */
function addPowers(sums: Float64Array, g: number, x: number, ofRow: number, y: number, powers: number): void {
  let product = ofRow;
  for (let power = 0; power < powers; power++, product *= y) {
    const at = place(g, x, power);
    sums[at] = (sums[at] as number) + product;
  }
}

function medianDifference(test: Float32Array, golden: Float32Array, dark: number): number {
  const differences = new Float64Array(Math.ceil(test.length / 23));
  for (let n = 0, p = 0; p < test.length; p += 23, n++) {
    differences[n] = (test[p] as number) - ((golden[p] as number) - dark);
  }
  differences.sort();
  return differences[differences.length >> 1] as number;
}

function solveCholesky(normal: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  const low = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = normal[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (low[i * n + k] as number) * (low[j * n + k] as number);
      low[i * n + j] = i === j ? Math.sqrt(Math.max(1e-9, sum)) : sum / (low[j * n + j] as number);
    }
  }
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (low[i * n + k] as number) * (out[k] as number);
    out[i] = sum / (low[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = out[i] as number;
    for (let k = i + 1; k < n; k++) sum -= (low[k * n + i] as number) * (out[k] as number);
    out[i] = sum / (low[i * n + i] as number);
  }
  return out;
}
