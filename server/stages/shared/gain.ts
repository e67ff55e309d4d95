import { farInterval, intervalText, shownConfidencePct } from "../../kpi/certainty.ts";
import type { StageContext } from "../../ports/stage.ts";
import { previousLabel } from "../../run/labels.ts";
import { present } from "./committed.ts";

/**
 * What an iteration's rows bought, when that is no more than chance gives: FAR, in percent, moved by less than the
 * interval that `passRows` PASS rows allow. Undefined for the baseline and for a change that counts.
 */
export function chanceRemark(context: StageContext, farPct: number, passRows: number): string | undefined {
  const previous = previousLabel(context.iteration);
  const before = previous && context.state.iterations[previous]?.far_pct;
  if (before === undefined || passRows === 0) return undefined;
  const fp = Math.round((farPct / 100) * passRows);
  const interval = farInterval({ tp: 0, fn: 0, fp, tn: passRows - fp });
  if (before < interval.low || before > interval.high) return undefined;
  const rows = present(context).ledger?.new_unique_rows;
  const added = rows === undefined ? "" : ` added ${rows} rows and`;
  return `${context.iteration}${added} changed FAR by less than its interval: ${before.toFixed(2)}% before, ${farPct.toFixed(2)}% now, ${intervalText(interval)} at ${shownConfidencePct}% confidence. Another iteration like it may not be worth its time.`;
}
