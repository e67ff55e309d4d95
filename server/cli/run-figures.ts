import { countRows, tableRows } from "../data/csv.ts";
import { readScores } from "../data/inference.ts";
import { farAtRecalls } from "../kpi/far-at-recall.ts";
import { sweepThresholds } from "../kpi/sweep.ts";
import type { IterationState, RunState } from "../run/state.ts";

/** What one iteration achieved and what it was trained on; null where it was not measured. */
export type IterationFigures = {
  readonly label: string;
  readonly far_pct: number | null;
  readonly far_pct_at_recall_99: number | null;
  readonly recall_pct: number | null;
  readonly threshold: number | null;
  readonly train_rows: number;
  /** Rows that this iteration added, by where they come from. */
  readonly mined_rows: number;
  readonly synthetic_rows: number;
};

/** Figures of every iteration that was evaluated, from the baseline on, read from the run's own files. */
export async function readFigures(state: RunState): Promise<IterationFigures[]> {
  const evaluated = Object.entries(state.iterations).filter(([, iteration]) => iteration.inference_csv !== undefined);
  return await Promise.all(evaluated.map(([label, iteration]) => figuresOf(label, iteration, state)));
}

async function figuresOf(label: string, iteration: IterationState, state: RunState): Promise<IterationFigures> {
  const { metric_result: metric, inference_csv, provenance_csv } = iteration;
  const atRecall =
    inference_csv === undefined ? {} : farAtRecalls(sweepThresholds(await readScores(inference_csv)), [99]);
  const added = provenance_csv === undefined ? 0 : await countAdded(provenance_csv);
  const mined_rows = Math.min(added, iteration.mining_mined_count ?? 0);
  return {
    label,
    far_pct: iteration.far_pct ?? null,
    far_pct_at_recall_99: atRecall["99"] ?? null,
    recall_pct: metric?.constraints.recall_pct ?? null,
    threshold: iteration.threshold ?? null,
    train_rows: await countRows(iteration.combined_training_csv ?? state.config.training_csv),
    mined_rows,
    synthetic_rows: added - mined_rows,
  };
}

/** Rows of a combined training CSV that are new in its iteration (tao-stages 4.9). */
async function countAdded(provenanceCsv: string): Promise<number> {
  let added = 0;
  for await (const { header, cells } of tableRows(provenanceCsv)) {
    if (cells[header.indexOf("source")] === "mining_pool") added++;
  }
  return added;
}
