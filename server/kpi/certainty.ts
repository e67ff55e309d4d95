import type { Counts, MetricContract } from "../run/metric.ts";
import { exactInterval, type Interval, trialsToProve, upperBound } from "./interval.ts";

/** Confidence of the intervals beside a figure, unless the contract asks for another, in percent. */
export const shownConfidencePct = 95;

/** The exact interval of FAR in percent; with no PASS part nothing is known: 0 to 100. */
export function farInterval({ fp, tn }: Counts, confidence_pct = shownConfidencePct): Interval {
  return inPercent(exactInterval(fp, fp + tn, confidence_pct / 100));
}

/** The exact interval of recall in percent. */
export function recallInterval({ tp, fn }: Counts, confidence_pct = shownConfidencePct): Interval {
  return inPercent(exactInterval(tp, tp + fn, confidence_pct / 100));
}

/** The FAR in percent that the true one exceeds in at most `100 - confidence_pct` of a hundred such sets. */
export function farBoundPct({ fp, tn }: Counts, confidence_pct = shownConfidencePct): number {
  return 100 * upperBound(fp, fp + tn, confidence_pct / 100);
}

/** The share of defective parts, in percent, that may escape at most: what the misses, often none, of this set prove. */
export function escapeBoundPct({ tp, fn }: Counts, confidence_pct = shownConfidencePct): number {
  return 100 * upperBound(fn, tp + fn, confidence_pct / 100);
}

/** `1.60-5.38%`. */
export function intervalText({ low, high }: Interval): string {
  return `${short(low)}-${short(high)}%`;
}

/** Two decimals; more where two would show a bound other than zero as zero. */
function short(value: number): string {
  return value === 0 || value >= 0.01 ? value.toFixed(2) : value.toPrecision(2);
}

/** What decides that a target is met, and what the other way of judging would have said. */
export type Certainty = {
  /** What the contract judges by. */
  readonly judged_by: "point" | "bound";
  readonly confidence_pct: number;
  readonly far_bound_pct: number;
  readonly escape_bound_pct: number;
  /** Whether the bound, not the point alone, meets the target. */
  readonly bound_meets: boolean;
};

/** How sure a measured FAR is; undefined for a metric that is no share of counted parts. */
export function certaintyOf(contract: MetricContract, counts: Counts | undefined): Certainty | undefined {
  if (counts === undefined || contract.name !== "far_pct") return undefined;
  const confidence_pct = contract.confidence_pct ?? shownConfidencePct;
  const far_bound_pct = farBoundPct(counts, confidence_pct);
  return {
    judged_by: contract.confidence_pct === undefined ? "point" : "bound",
    confidence_pct,
    far_bound_pct,
    escape_bound_pct: escapeBoundPct(counts, confidence_pct),
    bound_meets: contract.operator === "<" ? far_bound_pct < contract.target : far_bound_pct <= contract.target,
  };
}

/** One sentence on whether the bound or only the point meets the target, and on what the misses prove. */
export function certaintyText(contract: MetricContract, counts: Counts | undefined): string | undefined {
  const found = certaintyOf(contract, counts);
  if (found === undefined || counts === undefined) return undefined;
  const { confidence_pct, far_bound_pct, escape_bound_pct } = found;
  const far = `at ${confidence_pct}% confidence FAR is at most ${short(far_bound_pct)}%`;
  const met = found.bound_meets ? `${far}, which meets the target` : `${far}, so only the point could meet the target`;
  const defects = counts.tp + counts.fn;
  return `${met}; ${counts.fn} missed of ${defects} defects: up to ${short(escape_bound_pct)}% may escape.`;
}

/** Rows that a target needs before any set of scores can show it at a confidence. */
export type RowsNeeded = {
  readonly confidence_pct: number;
  /** PASS rows without a single false alarm. */
  readonly pass_rows: number;
  /** Defective rows without a single miss; Infinity for a recall of 100 %. */
  readonly defective_rows: number;
};

/** How many rows of each class the contract's FAR and a recall in percent need at least. */
export function rowsNeeded(contract: MetricContract, recall_pct: number): RowsNeeded {
  const confidence_pct = contract.confidence_pct ?? shownConfidencePct;
  const confidence = confidence_pct / 100;
  return {
    confidence_pct,
    pass_rows: trialsToProve(contract.target / 100, confidence),
    defective_rows: trialsToProve(1 - recall_pct / 100, confidence),
  };
}

function inPercent({ low, high }: Interval): Interval {
  return { low: 100 * low, high: 100 * high };
}
