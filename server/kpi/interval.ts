/** Bounds of a share, both from 0 to 1. */
export type Interval = { readonly low: number; readonly high: number };

/**
 * The exact two-sided interval of a share of which `hits` of `trials` were seen (Clopper and Pearson, Biometrika 26,
 * 1934): whatever the true share is, it lies inside in at least `confidence` of all samples. Nothing seen of nothing says
 * nothing: 0 to 1.
 *
 * `confidence` lies between 0 and 1, e.g. 0.95. With 0 hits the upper bound is what an absence proves.
 */
export function exactInterval(hits: number, trials: number, confidence: number): Interval {
  const tail = (1 - confidence) / 2;
  return {
    low: hits === 0 ? 0 : quantile(tail, hits, trials - hits + 1),
    high: hits === trials ? 1 : quantile(1 - tail, hits + 1, trials - hits),
  };
}

/**
 * The one-sided bound that the true share exceeds in at most `1 - confidence` of all samples: what a target of "at most"
 * is held against.
 */
export function upperBound(hits: number, trials: number, confidence: number): number {
  return hits === trials ? 1 : quantile(confidence, hits + 1, trials - hits);
}

/** Trials without a single hit that prove a share below `share` at `confidence`; Infinity for a share of 0. */
export function trialsToProve(share: number, confidence: number): number {
  if (share <= 0) return Number.POSITIVE_INFINITY;
  return share >= 1 ? 1 : Math.ceil(Math.log(1 - confidence) / Math.log1p(-share));
}

/** The share below which a beta distribution holds `mass`: halved until two neighbours of a double are left. */
function quantile(mass: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let middle = 0.5; middle > low && middle < high; middle = (low + high) / 2) {
    if (betaMass(middle, a, b) < mass) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
function betaMass(x: number, a: number, b: number): number {
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  // The fraction converges fast on its own side of the mean; the other side is its complement.
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b;
}

const smallest = 1e-300;

/** Lentz's way through the fraction: numerator and denominator are kept as ratios, so that neither overflows. */
function fraction(x: number, a: number, b: number): number {
  let ratio = 1;
  let inverse = 1 / away(1 - ((a + b) * x) / (a + 1));
  let value = inverse;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let step = 1;
    for (const term of [even, odd]) {
      inverse = 1 / away(1 + term * inverse);
      ratio = away(1 + term / ratio);
      step = inverse * ratio;
      value *= step;
    }
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return value;
}

function away(value: number): number {
  return Math.abs(value) < smallest ? smallest : value;
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** Stirling's series (DLMF 5.11.1) above 15, and the recurrence down from there. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 15; z++) shift += Math.log(z);
  const square = 1 / (z * z);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}
