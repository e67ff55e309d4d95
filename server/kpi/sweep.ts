import { nextBelow } from "./score.ts";

/** Scores with their ground truth; the two arrays have the same length and every score is finite. */
export type ScoredParts = { readonly scores: ArrayLike<number>; readonly defective: ArrayLike<boolean | number> };

/** What one threshold does: a part is flagged when its score is strictly above it. */
export type OperatingPoint = {
  readonly threshold: number;
  readonly tp: number;
  readonly fp: number;
  readonly tn: number;
  readonly fn: number;
  /** NaN where the denominator is zero, like `recall`, `f1` and `far`; all four are fractions, not percent. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly accuracy: number;
  /** False alarm rate: flagged PASS parts over all PASS parts. */
  readonly far: number;
};

/** Every candidate threshold, ascending, with what it flags. */
export type Sweep = {
  readonly passRows: number;
  readonly defectiveRows: number;
  readonly thresholds: Float64Array;
  /** Flagged defective and flagged PASS parts at each threshold. */
  readonly tp: Float64Array;
  readonly fp: Float64Array;
};

/** What takes the candidates one by one, ascending. */
type Visit = (threshold: number, tp: number, fp: number) => void;

/** How far below its target a recall may lie, so that rounding alone misses none (the vendor's tolerance). */
const recallTolerance = 1e-12;

/**
 * Counts what every candidate threshold flags: the distinct scores, and before them the next double below the lowest,
 * which flags everything (TAO `analyze_kpi` and `gap_analysis vcn_aoi`). O(n log n). No rows give an empty sweep.
 */
export function sweepThresholds(parts: ScoredParts): Sweep {
  const sorted = sortedByTruth(parts);
  const candidates = new Float64Array(parts.scores.length + 1);
  const [tp, fp] = [new Float64Array(candidates.length), new Float64Array(candidates.length)];
  let count = 0;
  eachCandidate(sorted, (threshold, flaggedDefective, flaggedPass) => {
    candidates[count] = threshold;
    tp[count] = flaggedDefective;
    fp[count++] = flaggedPass;
  });
  return {
    passRows: sorted.pass.length,
    defectiveRows: sorted.defective.length,
    thresholds: candidates.subarray(0, count),
    tp: tp.subarray(0, count),
    fp: fp.subarray(0, count),
  };
}

function eachCandidate({ pass, defective }: SortedParts, visit: Visit): void {
  let passBelow = 0;
  let defectiveBelow = 0;
  const add = (threshold: number) => visit(threshold, defective.length - defectiveBelow, pass.length - passBelow);
  if (pass.length + defective.length > 0) {
    add(nextBelow(Math.min(pass[0] ?? Number.POSITIVE_INFINITY, defective[0] ?? Number.POSITIVE_INFINITY)));
  }
  while (passBelow < pass.length || defectiveBelow < defective.length) {
    const score = Math.min(
      pass[passBelow] ?? Number.POSITIVE_INFINITY,
      defective[defectiveBelow] ?? Number.POSITIVE_INFINITY,
    );
    while (passBelow < pass.length && pass[passBelow] === score) passBelow++;
    while (defectiveBelow < defective.length && defective[defectiveBelow] === score) defectiveBelow++;
    add(score === 0 ? 0 : score);
  }
}

/** The operating point at one candidate of a sweep. */
export function pointAt(sweep: Sweep, index: number): OperatingPoint {
  const tp = sweep.tp[index] ?? Number.NaN;
  const fp = sweep.fp[index] ?? Number.NaN;
  return operatingPoint(sweep.thresholds[index] ?? Number.NaN, tp, fp, sweep.passRows, sweep.defectiveRows);
}

/** The operating point of any threshold, also one that is no candidate. */
export function evaluateThreshold(parts: ScoredParts, threshold: number): OperatingPoint {
  let tp = 0;
  let fp = 0;
  let defectiveRows = 0;
  for (let at = 0; at < parts.scores.length; at++) {
    const flagged = (parts.scores[at] ?? Number.NaN) > threshold;
    if (parts.defective[at]) {
      defectiveRows++;
      if (flagged) tp++;
    } else if (flagged) fp++;
  }
  return operatingPoint(threshold, tp, fp, parts.scores.length - defectiveRows, defectiveRows);
}

/**
 * The candidate with the best (F1, precision, threshold) among those that flag at least `minRecall` (0..1) of the
 * defective parts; undefined when there is no defective part. At recall 1 it is the threshold with the lowest FAR.
 */
export function bestAtRecall(sweep: Sweep, minRecall: number): OperatingPoint | undefined {
  return bestOf(sweep, minRecall, eachOf(sweep));
}

/** The same of parts whose sweep nobody needs: it would take twice the memory of the scores. */
export function bestOfParts(parts: ScoredParts, minRecall: number): OperatingPoint | undefined {
  const sorted = sortedByTruth(parts);
  const counts = { passRows: sorted.pass.length, defectiveRows: sorted.defective.length };
  return bestOf(counts, minRecall, (visit) => eachCandidate(sorted, visit));
}

function bestOf(counts: Counts, minRecall: number, each: (visit: Visit) => void): OperatingPoint | undefined {
  if (counts.defectiveRows === 0) return undefined;
  const floor = minRecall - recallTolerance;
  const isBetter = (a: OperatingPoint, b: OperatingPoint) =>
    (order(a.f1, b.f1) || order(a.precision, b.precision) || order(a.threshold, b.threshold)) > 0;
  return best(counts, each, (tp) => tp / counts.defectiveRows >= floor, isBetter);
}

/** The candidate with the best (F1, recall, precision, threshold); undefined without rows. A diagnostic only. */
export function bestByF1(sweep: Sweep): OperatingPoint | undefined {
  const isBetter = (a: OperatingPoint, b: OperatingPoint) =>
    (order(a.f1, b.f1) ||
      order(a.recall, b.recall) ||
      order(a.precision, b.precision) ||
      order(a.threshold, b.threshold)) > 0;
  return best(sweep, eachOf(sweep), () => true, isBetter);
}

type Counts = Pick<Sweep, "passRows" | "defectiveRows">;

const eachOf =
  ({ thresholds, tp, fp }: Sweep) =>
  (visit: Visit) => {
    for (let at = 0; at < thresholds.length; at++) visit(thresholds[at] as number, tp[at] as number, fp[at] as number);
  };

function best(
  { passRows, defectiveRows }: Counts,
  each: (visit: Visit) => void,
  isEligible: (tp: number) => boolean,
  isBetter: (a: OperatingPoint, b: OperatingPoint) => boolean,
): OperatingPoint | undefined {
  let chosen: OperatingPoint | undefined;
  each((threshold, tp, fp) => {
    if (!isEligible(tp)) return;
    const point = operatingPoint(threshold, tp, fp, passRows, defectiveRows);
    if (chosen === undefined || isBetter(point, chosen)) chosen = point;
  });
  return chosen;
}

/** Above 0 when `a` ranks above `b`; an undefined (NaN) figure ranks below every number. */
function order(a: number, b: number): number {
  if (a === b) return 0;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  return Number.isNaN(b) || a > b ? 1 : -1;
}

function operatingPoint(threshold: number, tp: number, fp: number, passRows: number, defectiveRows: number) {
  const tn = passRows - fp;
  const fn = defectiveRows - tp;
  const precision = tp / (tp + fp);
  const recall = tp / defectiveRows;
  return {
    threshold,
    tp,
    fp,
    tn,
    fn,
    precision,
    recall,
    // The order of the operations is the published one: another order differs in the last digit.
    f1: (2 * precision * recall) / (precision + recall),
    accuracy: (tp + tn) / (passRows + defectiveRows),
    far: fp / passRows,
  };
}

type SortedParts = { readonly pass: Float64Array; readonly defective: Float64Array };

function sortedByTruth(parts: ScoredParts): SortedParts {
  const total = parts.scores.length;
  const pass = new Float64Array(total);
  const defective = new Float64Array(total);
  let passCount = 0;
  let defectiveCount = 0;
  for (let at = 0; at < total; at++) {
    const score = parts.scores[at] ?? Number.NaN;
    if (parts.defective[at]) defective[defectiveCount++] = score;
    else pass[passCount++] = score;
  }
  return { pass: pass.subarray(0, passCount).sort(), defective: defective.subarray(0, defectiveCount).sort() };
}
