import { farPct } from "./far-at-recall.ts";
import { pythonFixed, pythonFloat } from "./python-text.ts";
import { type OperatingPoint, pointAt, type Sweep } from "./sweep.ts";

/** Header of `threshold_metrics.csv`. */
export const thresholdMetricsHeader = [
  ...["threshold", "tp", "fp", "tn", "fn", "precision", "recall", "f1", "accuracy", "far"],
  ...["predicted_no_pass_count", "actual_no_pass_count", "actual_pass_count"],
] as const;

/** Rows of `threshold_metrics.csv`: one a candidate, ascending, floats as Python writes them. */
export function* thresholdMetricsRows(sweep: Sweep): Generator<string[]> {
  for (let at = 0; at < sweep.thresholds.length; at++) {
    const { threshold, tp, fp, tn, fn, precision, recall, f1, accuracy, far } = pointAt(sweep, at);
    yield [
      pythonFloat(threshold),
      ...[tp, fp, tn, fn].map(String),
      ...[precision, recall, f1, accuracy, far].map(pythonFloat),
      ...[tp + fp, tp + fn, fp + tn].map(String),
    ];
  }
}

/** Columns that `best_f1_missed_no_pass_samples.csv` adds to the original ones. */
export const missedColumns = [
  ...["analysis_row_index", "analysis_score", "analysis_threshold"],
  ...["analysis_actual_label_group", "analysis_predicted_label_group", "analysis_outcome"],
] as const;

/** Cells of `missedColumns` for one missed row; `rowIndex` counts rows from 2, as in a spreadsheet. */
export function missedCells(rowIndex: number, score: number, threshold: number): string[] {
  return [String(rowIndex), pythonFloat(score), pythonFloat(threshold), "NO_PASS", "PASS", "MISSED_NO_PASS"];
}

/** `100`, `99.5`: a recall fraction as percent for titles. */
export function recallTitle(minRecall: number): string {
  return String(Number((minRecall * 100).toFixed(10)));
}

/** The line that tells the result: `100% recall threshold: 0.300000 (FAR=40.0000%, ...)`. */
export function recallLine(point: OperatingPoint | undefined, minRecall: number): string {
  const title = `${recallTitle(minRecall)}% recall threshold:`;
  if (point === undefined) return `${title} unavailable`;
  const figures = (["precision", "recall", "f1"] as const).map((name) => `${name}=${pythonFixed(point[name], 6)}`);
  const far = `FAR=${pythonFixed(farPct(point), 4)}%`;
  return `${title} ${pythonFixed(point.threshold, 6)} (${[far, ...figures].join(", ")})`;
}

export type KpiSummary = {
  readonly scoreColumn: string;
  readonly minRecall: number;
  readonly sweep: Sweep;
  readonly atRecall: OperatingPoint | undefined;
  readonly bestF1: OperatingPoint | undefined;
  readonly missed: number;
  readonly files: readonly string[];
};

/** The text of `summary.txt`. */
export function summaryText(summary: KpiSummary): string {
  const { sweep, minRecall, atRecall, bestF1 } = summary;
  const lines = [
    "AOI inference threshold analysis",
    "",
    "Prediction rule: a part is NO_PASS when its score is above the threshold, else PASS.",
    "Ground-truth rule: a part is PASS when its label is PASS, whatever the case; any other label is NO_PASS.",
    "Key metric: FAR (False Alarm Rate) = FP / (FP + TN), the share of PASS parts that are flagged.",
    "Threshold search scope: every distinct score, and one value below the lowest.",
    `Input score column: ${summary.scoreColumn}`,
    `Total rows: ${sweep.passRows + sweep.defectiveRows}`,
    `PASS rows: ${sweep.passRows}`,
    `NO_PASS rows: ${sweep.defectiveRows}`,
    "",
    `Best threshold that hits ${recallTitle(minRecall)}% recall:`,
    ...pointLines(atRecall),
    "",
    "Best threshold by F1 score:",
    ...pointLines(bestF1),
    "",
    `Missed NO_PASS rows at the best F1 threshold: ${summary.missed}`,
    "",
    "Files:",
    ...summary.files.map((file) => `  ${file}`),
  ];
  return `${lines.join("\n")}\n`;
}

function pointLines(point: OperatingPoint | undefined): string[] {
  if (point === undefined) return ["  unavailable"];
  const { tp, fp, tn, fn } = point;
  return [
    `  threshold: ${pythonFixed(point.threshold, 6)}`,
    `  >>> FAR (False Alarm Rate): ${pythonFixed(farPct(point), 4)}%  (FP=${fp} / (FP=${fp} + TN=${tn}))`,
    ...(["precision", "recall", "f1", "accuracy"] as const).map((name) => `  ${name}: ${pythonFixed(point[name], 6)}`),
    "  confusion matrix:",
    `    TN=${tn} FP=${fp}`,
    `    FN=${fn} TP=${tp}`,
  ];
}
