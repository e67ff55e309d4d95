import { fourDigits } from "../run/figures.ts";
import type { Counts } from "../run/metric.ts";
import type { HoldoutFigure } from "../run/state.ts";
import { farInterval, intervalText, recallInterval } from "./certainty.ts";

/** Parts by truth and verdict at a threshold that was chosen elsewhere: a score above it is flagged. */
export function countsAt(scores: ArrayLike<number>, defective: ArrayLike<number>, threshold: number): Counts {
  const counts = { tp: 0, fp: 0, tn: 0, fn: 0 };
  for (let row = 0; row < scores.length; row++) {
    const flagged = (scores[row] as number) > threshold;
    if (defective[row] === 1) counts[flagged ? "tp" : "fn"]++;
    else counts[flagged ? "fp" : "tn"]++;
  }
  return counts;
}

/** The figure of the frozen test set in one sentence, with 95 % intervals and what takes from its worth. */
export function holdoutText({
  iteration,
  rows,
  threshold,
  counts,
  earlier_scorings,
  ...figure
}: HoldoutFigure): string {
  const far = `FAR ${figure.far_pct.toFixed(2)}% [${intervalText(farInterval(counts))}]`;
  const recall = `recall ${figure.recall_pct.toFixed(2)}% [${intervalText(recallInterval(counts))}]`;
  const seen = earlier_scorings === 0 ? "" : `; earlier runs scored it ${earlier_scorings} times, so it is not unseen`;
  return `Frozen test set (${rows} rows, scored once with ${iteration} at threshold ${fourDigits(threshold)}): ${far}, ${recall}${seen}.`;
}
