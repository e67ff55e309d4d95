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

const TERMS = 9;
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
  const samples = takeSamples(test, golden, width, height, materials.dark);
  const start = new Float64Array(TERMS);
  start[0] = 1;
  const shift = medianDifference(test, golden, materials.dark);
  let terms = solveRound(samples, start, shift, 0.9 * span, materials.both);
  for (const cut of [0.45, 0.3, 0.25]) terms = solveRound(samples, terms, 0, cut * span, materials.both);
  return exposureOf(terms, golden, width, height, materials);
}

function exposureOf(
  terms: Float64Array,
  golden: Float32Array,
  width: number,
  height: number,
  { dark, light }: Materials,
): Exposure {
  const span = light - dark;
  const [g0 = 1, g1 = 0, g2 = 0, b0 = 0, bx = 0, by = 0, bxx = 0, bxy = 0, byy = 0] = terms;
  const fitted = new Float32Array(golden.length);
  const contrast = new Float32Array(golden.length);
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
  return { fitted, contrast };
}

/** Pixels that the fit is made of: the level of the test image, and for each term of the fit its value there. */
type Samples = { readonly level: Float64Array; readonly terms: readonly Float64Array[] };

function takeSamples(test: Float32Array, golden: Float32Array, width: number, height: number, dark: number): Samples {
  const count = Math.ceil((width - 1) / SAMPLE_STEP) * Math.ceil((height - 1) / SAMPLE_STEP);
  const level = new Float64Array(count);
  const terms = Array.from({ length: TERMS }, () => new Float64Array(count));
  const [g, gx, gy, one, tx, ty, txx, txy, tyy] = terms as Nine<Float64Array>;
  let n = 0;
  for (let row = 1; row < height; row += SAMPLE_STEP) {
    const y = row / height - 0.5;
    for (let column = 1; column < width; column += SAMPLE_STEP, n++) {
      const x = column / width - 0.5;
      const p = row * width + column;
      const bright = (golden[p] as number) - dark;
      level[n] = test[p] as number;
      g[n] = bright;
      gx[n] = bright * x;
      gy[n] = bright * y;
      one[n] = 1;
      tx[n] = x;
      ty[n] = y;
      txx[n] = x * x;
      txy[n] = x * y;
      tyy[n] = y * y;
    }
  }
  return { level, terms };
}

type Nine<T> = [T, T, T, T, T, T, T, T, T];

/** One round: weighs each sample by how well the terms before fit it (`shift` added), and solves for new ones. */
function solveRound(samples: Samples, before: Float64Array, shift: number, cut: number, both: boolean): Float64Array {
  const { level, terms } = samples;
  const columns = [level, ...terms];
  const normal = new Float64Array(TERMS * TERMS);
  const right = new Float64Array(TERMS);
  const weights = weigh(samples, before, shift, cut);
  const weighed = new Float64Array(weights.length);
  const sums = new Float64Array(3);
  for (let i = 0; i < TERMS; i++) {
    const own = terms[i] as Float64Array;
    for (let n = 0; n < weighed.length; n++) weighed[n] = (weights[n] as number) * (own[n] as number);
    // The level stands first, then the terms up to this one.
    for (let at = 0; at <= i + 1; at += 3) {
      sumProducts(weighed, columns[at] as Float64Array, columns[at + 1] ?? own, columns[at + 2] ?? own, sums);
      for (let k = 0; k < 3 && at + k <= i + 1; k++) {
        if (at + k === 0) right[i] = sums[0] as number;
        else normal[i * TERMS + at + k - 1] = sums[k] as number;
      }
    }
  }
  const hold = both ? 2e3 : 4e6;
  normal[0] = (normal[0] as number) + hold;
  right[0] = (right[0] as number) + hold;
  for (const k of [1, 2]) normal[k * TERMS + k] = (normal[k * TERMS + k] as number) + hold;
  for (const k of [3, 4, 5, 6, 7, 8]) normal[k * TERMS + k] = (normal[k * TERMS + k] as number) + 0.05;
  return solveCholesky(normal, right);
}

function weigh({ level, terms }: Samples, before: Float64Array, shift: number, cut: number): Float64Array {
  const weights = new Float64Array(level.length).fill(shift);
  for (let k = 0; k < TERMS; k++) {
    const factor = before[k] as number;
    const own = terms[k] as Float64Array;
    for (let n = 0; n < weights.length; n++) weights[n] = (weights[n] as number) + factor * (own[n] as number);
  }
  for (let n = 0; n < weights.length; n++) {
    const residual = ((level[n] as number) - (weights[n] as number)) / cut;
    const spread = 1 + residual * residual;
    weights[n] = 1 / (spread * spread);
  }
  return weights;
}

/** Sums of products of one list with three others: one at a time would wait for each addition. */
function sumProducts(w: Float64Array, a: Float64Array, b: Float64Array, c: Float64Array, out: Float64Array): void {
  let [sumA, sumB, sumC] = [0, 0, 0];
  for (let n = 0; n < w.length; n++) {
    const weight = w[n] as number;
    sumA += weight * (a[n] as number);
    sumB += weight * (b[n] as number);
    sumC += weight * (c[n] as number);
  }
  out[0] = sumA;
  out[1] = sumB;
  out[2] = sumC;
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
