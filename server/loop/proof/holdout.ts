import { basename } from "node:path";
import { readScores } from "../../data/inference.ts";
import { rulerOf } from "../../data/ruler.ts";
import { layoutOf, readSpec } from "../../data/spec.ts";
import { Refusal } from "../../errors.ts";
import type { OpenRun } from "../../journal/journal.ts";
import { keepRuler, rulerUses } from "../../journal/rulers.ts";
import { countsAt } from "../../kpi/holdout.ts";
import type { Deps } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import type { IterationLabel } from "../../run/labels.ts";
import type { HoldoutFigure } from "../../run/state.ts";
import { missing } from "../../stages/shared/evidence.ts";
import { compareRows } from "../../stages/shared/inference-rows.ts";

/**
 * What the scores of the frozen test set say at the threshold of the iteration's KPI figure: neither the model nor the
 * threshold was chosen on these rows.
 *
 * @throws Refusal `metric.not-reproduced` for scores of other rows, `metric.undefined` for a set of one class; what
 * reading the tables throws.
 */
export async function holdoutFigure(
  { runDir, state }: OpenRun,
  label: IterationLabel,
  csv: string,
  by: { readonly at: string; readonly program: string | undefined },
  { env }: Deps,
): Promise<HoldoutFigure> {
  const { holdout_csv = "", specs_file, images_dir, workspace } = state.config;
  const { metric_result, threshold = metric_result?.threshold } = state.iterations[label] ?? {};
  if (threshold === undefined) throw missing(`${label}.threshold`, "is not recorded");
  const { rows, scored, difference } = await compareRows(holdout_csv, csv);
  const { scores, defective } = await readScores(csv);
  if (difference !== undefined || scored !== rows) {
    const facts = { rows, scored, ...difference };
    throw new Refusal("metric.not-reproduced", "The scores are not those of the frozen test set.", facts);
  }
  const counts = countsAt(scores, defective, threshold);
  const { tp, fp, tn, fn } = counts;
  if (fp + tn === 0 || tp + fn === 0) {
    throw new Refusal("metric.undefined", "The frozen test set has one class only.", { path: holdout_csv, ...counts });
  }
  const { ruler } = await rulerOf(holdout_csv, layoutOf(await readSpec(specs_file), images_dir));
  const place = { workspace, set: "holdout", env } as const;
  await keepRuler(place, ruler);
  const earlier = (await rulerUses(place)).filter(({ run }) => run !== basename(runDir));
  return {
    iteration: label,
    rows: scores.length,
    threshold,
    counts,
    far_pct: (100 * fp) / (fp + tn),
    recall_pct: (100 * tp) / (tp + fn),
    inference_csv: csv,
    ruler: ruler.digest,
    earlier_scorings: earlier.length,
    at: by.at,
    ...defined({ program: by.program }),
  };
}
