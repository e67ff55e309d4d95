import type { StageContext } from "../../ports/stage.ts";
import { previousLabel } from "../../run/labels.ts";
import { present } from "./committed.ts";

/** Two-sided 95 % of a normal distribution. */
const z95 = 1.96;

/**
 * What an iteration's rows bought, when that is no more than chance gives: FAR, in percent, moved by less than the
 * interval that `passRows` PASS rows allow. Undefined for the baseline and for a change that counts.
 */
export function chanceRemark(context: StageContext, farPct: number, passRows: number): string | undefined {
  const previous = previousLabel(context.iteration);
  const before = previous && context.state.iterations[previous]?.far_pct;
  if (before === undefined || passRows === 0) return undefined;
  const { low, high } = wilsonInterval(farPct / 100, passRows);
  if (before / 100 < low || before / 100 > high) return undefined;
  const rows = present(context).ledger?.new_unique_rows;
  const added = rows === undefined ? "" : ` added ${rows} rows and`;
  const bounds = `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)}%`;
  return `${context.iteration}${added} changed FAR by less than its interval: ${before.toFixed(2)}% before, ${farPct.toFixed(2)}% now, ${bounds} at 95% confidence. Another iteration like it may not be worth its time.`;
}

/** Bounds of a share that was seen in so many trials (Wilson, 1927). */
function wilsonInterval(share: number, trials: number): { low: number; high: number } {
  const spread = z95 ** 2 / trials;
  const middle = (share + spread / 2) / (1 + spread);
  const half = (z95 * Math.sqrt((share * (1 - share)) / trials + spread / (4 * trials))) / (1 + spread);
  return { low: middle - half, high: middle + half };
}
