import { join } from "node:path";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { writeJson } from "../fs/json.ts";
import {
  type KpiSummary,
  missedCells,
  missedColumns,
  recallTitle,
  summaryText,
  thresholdMetricsHeader,
  thresholdMetricsRows,
} from "../kpi/kpi-text.ts";
import type { Measurement } from "../kpi/metric-contract.ts";
import { confusionMatrixSvg, recallFarSvg, scoreDistributionSvg } from "../kpi/plots.ts";
import { bestAtRecall, bestByF1, type OperatingPoint, type Sweep, sweepThresholds } from "../kpi/sweep.ts";
import { mostRows, scanTable, writeTable } from "./csv.ts";
import { readScores, type ScoreColumns, type ScoreTable } from "./inference.ts";
import { writeSpreadsheet } from "./spreadsheet.ts";

/** The KPI of one inference CSV. */
export type KpiAnalysis = {
  readonly table: ScoreTable;
  readonly sweep: Sweep;
  /** The operating point for the asked recall; undefined without a defective row. */
  readonly atRecall: OperatingPoint | undefined;
  readonly bestF1: OperatingPoint | undefined;
};

/** Sweeps the thresholds of an inference CSV for a recall of `minRecall` (0..1). @throws what `readScores` throws. */
export async function analyseKpi(path: string, minRecall: number, columns: ScoreColumns = {}): Promise<KpiAnalysis> {
  const table = await readScores(path, columns);
  const sweep = sweepThresholds(table);
  return { table, sweep, atRecall: bestAtRecall(sweep, minRecall), bestF1: bestByF1(sweep) };
}

/**
 * Writes what the published KPI analysis leaves beside an inference CSV: `threshold_metrics.csv`, `summary.txt`,
 * `best_f1_missed_no_pass_samples.csv`, plots as SVG, and `metric_result.json` when a measurement is given.
 *
 * @returns the absolute paths written.
 * @throws Refusal `input.write-failed`.
 */
export async function writeKpiFiles(
  directory: string,
  inferenceCsv: string,
  analysis: KpiAnalysis,
  options: { readonly minRecall: number; readonly columns?: ScoreColumns; readonly measurement?: Measurement },
): Promise<string[]> {
  const { sweep, atRecall, bestF1, table } = analysis;
  await makeDirectory(directory);
  const written: string[] = [];
  const put = async (name: string, write: (path: string) => Promise<void>) => {
    await write(join(directory, name));
    written.push(join(directory, name));
  };
  await put("threshold_metrics.csv", (path) => writeTable(path, thresholdMetricsHeader, thresholdMetricsRows(sweep)));
  const missed = bestF1 === undefined ? [] : missedRows(table, bestF1.threshold);
  const missedName = "best_f1_missed_no_pass_samples.csv";
  await put(missedName, (path) => writeSpreadsheet(path, missedTable(inferenceCsv, table, missed, bestF1)));
  for (const [name, text] of plotsOf(analysis, options.minRecall)) await put(name, (path) => writeAtomic(path, text));
  const { measurement } = options;
  if (measurement !== undefined) {
    await put("metric_result.json", (path) => writeJson(path, measurement));
  }
  const summary: KpiSummary = {
    scoreColumn: options.columns?.score_column ?? "siamese_score",
    minRecall: options.minRecall,
    sweep,
    atRecall,
    bestF1,
    missed: missed.length,
    files: written,
  };
  await put("summary.txt", (path) => writeAtomic(path, summaryText(summary)));
  return written;
}

/** Row numbers of defective rows at or below the threshold, weakest first. */
function missedRows(table: ScoreTable, threshold: number): number[] {
  const rows: number[] = [];
  for (let at = 0; at < table.scores.length; at++) {
    if (table.defective[at] && scoreAt(table, at) <= threshold) rows.push(at);
  }
  return rows.sort((a, b) => scoreAt(table, a) - scoreAt(table, b) || a - b);
}

function scoreAt(table: ScoreTable, row: number): number {
  return table.scores[row] ?? Number.NaN;
}

/** The missed rows with all their cells; the file is read once for every `DEFT_TABLE_ROWS` of them. */
async function* missedTable(
  inferenceCsv: string,
  table: ScoreTable,
  missed: readonly number[],
  point: OperatingPoint | undefined,
): AsyncGenerator<readonly string[]> {
  yield [...table.header, ...missedColumns];
  const threshold = point?.threshold ?? Number.NaN;
  for (let from = 0; from < missed.length; from += mostRows()) {
    const some = missed.slice(from, from + mostRows());
    const wanted = new Set(some);
    const cellsOf = new Map<number, string[]>();
    let row = 0;
    await scanTable(inferenceCsv, () => (cells) => {
      if (wanted.has(row)) cellsOf.set(row, cells);
      row++;
    });
    for (const at of some) {
      yield [...(cellsOf.get(at) ?? []), ...missedCells(at + 2, scoreAt(table, at), threshold)];
    }
  }
}

function plotsOf({ table, sweep, atRecall, bestF1 }: KpiAnalysis, minRecall: number): [string, string][] {
  const recall = recallTitle(minRecall);
  const plots: [string, string][] = [
    [
      `score_distribution_with_recall_${recall}_threshold.svg`,
      scoreDistributionSvg(table, atRecall?.threshold, `Scores, threshold at ${recall}% recall`),
    ],
    ["recall_far.svg", recallFarSvg(sweep, atRecall, "FAR over recall")],
  ];
  if (atRecall !== undefined) {
    plots.push([`confusion_matrix_recall_${recall}.svg`, confusionMatrixSvg(atRecall, `At ${recall}% recall`)]);
  }
  if (bestF1 !== undefined) plots.push(["confusion_matrix_best_f1.svg", confusionMatrixSvg(bestF1, "At the best F1")]);
  return plots;
}
