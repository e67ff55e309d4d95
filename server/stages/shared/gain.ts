import { exactInterval } from "../../kpi/interval.ts";
import type { StageContext } from "../../ports/stage.ts";
import { previousLabel } from "../../run/labels.ts";
import { present } from "./committed.ts";

const confidence = 0.95;

/**
 * What an iteration's rows bought, when that is no more than chance gives: FAR, in percent, moved by less than the
 * interval that `passRows` PASS rows allow. Undefined for the baseline and for a change that counts.
 */
export function chanceRemark(context: StageContext, farPct: number, passRows: number): string | undefined {
  const previous = previousLabel(context.iteration);
  const before = previous && context.state.iterations[previous]?.far_pct;
  if (before === undefined || passRows === 0) return undefined;
  const { low, high } = exactInterval(Math.round((farPct / 100) * passRows), passRows, confidence);
  if (before / 100 < low || before / 100 > high) return undefined;
  const rows = present(context).ledger?.new_unique_rows;
  const added = rows === undefined ? "" : ` added ${rows} rows and`;
  const bounds = `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)}%`;
  return `${context.iteration}${added} changed FAR by less than its interval: ${before.toFixed(2)}% before, ${farPct.toFixed(2)}% now, ${bounds} at ${100 * confidence}% confidence. Another iteration like it may not be worth its time.`;
}
