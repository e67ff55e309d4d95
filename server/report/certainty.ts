import { certaintyText, escapeBoundPct, farInterval, intervalText, recallInterval } from "../kpi/certainty.ts";
import type { MetricContract } from "../run/metric.ts";
import type { IterationView, KpiView } from "./model.ts";

/** The intervals beside the figures of one iteration, as texts; empty where the parts were not counted. */
export function intervalsOf(view: IterationView | undefined): { readonly far: string; readonly recall: string } {
  const counts = view?.metric?.counts;
  if (counts === undefined) return { far: "", recall: "" };
  return { far: intervalText(farInterval(counts)), recall: intervalText(recallInterval(counts)) };
}

/** How sure one scored KPI set makes its figures. */
export type CertaintyView = {
  readonly far: string;
  readonly recall: string;
  readonly missed: number;
  readonly defects: number;
  readonly escape_pct: number;
  /** Whether the bound or only the point meets the target. */
  readonly verdict: string | undefined;
};

/** Undefined without parts of both classes. */
export function certaintyView(
  view: KpiView | undefined,
  contract: MetricContract | undefined,
): CertaintyView | undefined {
  if (view === undefined || view.pass_rows === 0 || view.defective_rows === 0) return undefined;
  const { tp, fp, tn, fn } = view.point;
  const counts = { tp, fp, tn, fn };
  return {
    far: intervalText(farInterval(counts)),
    recall: intervalText(recallInterval(counts)),
    missed: fn,
    defects: tp + fn,
    escape_pct: escapeBoundPct(counts),
    verdict: contract && certaintyText(contract, counts),
  };
}
