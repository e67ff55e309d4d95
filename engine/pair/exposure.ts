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
  for (const level of levels) {
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
  let weights = startWeights();
  for (const cut of [0.9, 0.45, 0.3, 0.25]) {
    weights = solveRound(test, golden, width, height, materials, weights, cut * span);
  }
  const [g0 = 1, g1 = 0, g2 = 0, b0 = 0, bx = 0, by = 0, bxx = 0, bxy = 0, byy = 0] = weights;
  const fitted = new Float32Array(test.length);
  const contrast = new Float32Array(test.length);
  for (let p = 0; p < test.length; p++) {
    const x = (p % width) / width - 0.5;
    const y = ((p / width) | 0) / height - 0.5;
    const gain = g0 + g1 * x + g2 * y;
    const offset = b0 + bx * x + by * y + bxx * x * x + bxy * x * y + byy * y * y;
    fitted[p] = gain * ((golden[p] as number) - materials.dark) + offset;
    contrast[p] = (gain < LEAST_GAIN ? LEAST_GAIN : gain) * span;
  }
  return { fitted, contrast };
}

function startWeights(): Float64Array {
  const weights = new Float64Array(TERMS);
  weights[0] = 1;
  return weights;
}

function fillBasis(basis: Float64Array, g: number, x: number, y: number): void {
  basis[0] = g;
  basis[1] = g * x;
  basis[2] = g * y;
  basis[3] = 1;
  basis[4] = x;
  basis[5] = y;
  basis[6] = x * x;
  basis[7] = x * y;
  basis[8] = y * y;
}

function solveRound(
  test: Float32Array,
  golden: Float32Array,
  width: number,
  height: number,
  materials: Materials,
  before: Float64Array,
  cut: number,
): Float64Array {
  const normal = new Float64Array(TERMS * TERMS);
  const right = new Float64Array(TERMS);
  const basis = new Float64Array(TERMS);
  const first = before[3] === 0 && before[0] === 1;
  const shift = first ? medianDifference(test, golden, materials.dark) : 0;
  for (let y = 1; y < height; y += 3) {
    for (let x = 1; x < width; x += 3) {
      const p = y * width + x;
      fillBasis(basis, (golden[p] as number) - materials.dark, x / width - 0.5, y / height - 0.5);
      let level = shift;
      for (let k = 0; k < TERMS; k++) level += (before[k] as number) * (basis[k] as number);
      const residual = ((test[p] as number) - level) / cut;
      const weight = 1 / (1 + residual * residual) ** 2;
      for (let i = 0; i < TERMS; i++) {
        const wi = weight * (basis[i] as number);
        right[i] = (right[i] as number) + wi * (test[p] as number);
        for (let j = 0; j <= i; j++) {
          normal[i * TERMS + j] = (normal[i * TERMS + j] as number) + wi * (basis[j] as number);
        }
      }
    }
  }
  const hold = materials.both ? 2e3 : 4e6;
  normal[0] = (normal[0] as number) + hold;
  right[0] = (right[0] as number) + hold;
  for (const k of [1, 2]) normal[k * TERMS + k] = (normal[k * TERMS + k] as number) + hold;
  for (const k of [3, 4, 5, 6, 7, 8]) normal[k * TERMS + k] = (normal[k * TERMS + k] as number) + 0.05;
  return solveCholesky(normal, right);
}

function medianDifference(test: Float32Array, golden: Float32Array, dark: number): number {
  const differences: number[] = [];
  for (let p = 0; p < test.length; p += 23) {
    differences.push((test[p] as number) - ((golden[p] as number) - dark));
  }
  differences.sort((a, b) => a - b);
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
