import { Refusal } from "../errors.ts";
import type { Counts } from "../run/metric.ts";
import type { Measurement } from "./metric-contract.ts";
import { bestAtRecall, type OperatingPoint, type Sweep } from "./sweep.ts";

/** FAR of an operating point in percent; NaN without PASS parts. */
export function farPct(point: OperatingPoint): number {
  return (100 * point.fp) / (point.fp + point.tn);
}

/** Recall of an operating point in percent; NaN without defective parts. */
export function recallPct(point: OperatingPoint): number {
  return (100 * point.tp) / (point.tp + point.fn);
}

/** The four counts of an operating point. */
export function countsOf({ tp, fp, tn, fn }: OperatingPoint): Counts {
  return { tp, fp, tn, fn };
}

/**
 * The builtin evaluator `far_at_recall`: FAR in percent at the threshold chosen for `recallTargetPct` (0..100].
 *
 * @throws Refusal `metric.undefined` when either class is empty, because then FAR or recall has no value.
 */
export function measureFar(sweep: Sweep, recallTargetPct: number): Measurement {
  const point = bestAtRecall(sweep, recallTargetPct / 100);
  if (point === undefined || sweep.passRows === 0) {
    const { passRows: pass_rows, defectiveRows: no_pass_rows } = sweep;
    throw new Refusal("metric.undefined", "FAR needs both PASS and defective rows.", { pass_rows, no_pass_rows });
  }
  return {
    name: "far_pct",
    value: farPct(point),
    unit: "%",
    threshold: point.threshold,
    constraints: { recall_pct: recallPct(point) },
    counts: countsOf(point),
    diagnostics: { recall_pct: recallPct(point), precision: point.precision, f1: point.f1 },
  };
}

/** FAR in percent at other recalls than the contract's, for reports: `{100: 4.2, 99: 1.3}`. */
export function farAtRecalls(sweep: Sweep, recallTargetsPct: readonly number[]): Record<string, number> {
  const entries = recallTargetsPct.map((target) => [String(target), measureFar(sweep, target).value] as const);
  return Object.fromEntries(entries);
}
