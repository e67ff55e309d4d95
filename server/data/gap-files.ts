import { join } from "node:path";
import { Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { writeJson } from "../fs/json.ts";
import {
  analyseGaps,
  breakdownText,
  expandLightings,
  type Gap,
  type GapAnalysis,
  gapMetrics,
  type InferenceTable,
} from "../kpi/gaps.ts";
import { pythonFloat } from "../kpi/python-text.ts";
import type { ImageLayout } from "../run/images.ts";
import { readParquet, textCell, writeParquet } from "./parquet.ts";

export type GapOptions = {
  /** 0..1 */
  readonly minRecall: number;
  readonly topK: number;
  /** Pins the threshold when 0 or more. */
  readonly threshold?: number | undefined;
};

export type GapResult = { readonly analysis: GapAnalysis; readonly gaps: readonly Gap[]; readonly gaps_path: string };

/**
 * Ranks the weakest KPI rows and writes what the published gap analysis writes: `kpi_gaps.parquet`, `threshold.txt`
 * (not for a pinned threshold), `weak_samples_breakdown.txt`, and the documented `metrics.json`.
 *
 * @throws Refusal `metric.undefined` after writing `unreachable_kpi.txt`, when no row is defective.
 */
export async function writeGaps(
  directory: string,
  table: InferenceTable,
  layout: ImageLayout,
  options: GapOptions,
): Promise<GapResult> {
  const analysis = analyseGaps(table, options);
  await makeDirectory(directory);
  if (analysis === undefined) {
    const reason = "No NO_PASS row: recall is undefined, so no threshold can be chosen.";
    await writeAtomic(join(directory, "unreachable_kpi.txt"), `${reason}\n`);
    throw new Refusal("metric.undefined", reason, { rows: table.rows, no_pass_rows: 0 });
  }
  const gaps = expandLightings(analysis.ranked, layout);
  const gaps_path = join(directory, "kpi_gaps.parquet");
  await writeGapTable(gaps_path, gaps);
  if (!(options.threshold !== undefined && options.threshold >= 0)) {
    await writeAtomic(join(directory, "threshold.txt"), pythonFloat(analysis.threshold));
  }
  const breakdown = breakdownText(analysis, table.rows, options.topK);
  await writeAtomic(join(directory, "weak_samples_breakdown.txt"), breakdown);
  await writeJson(join(directory, "metrics.json"), gapMetrics(table, analysis));
  return { analysis, gaps, gaps_path };
}

/** Writes gaps with the published columns and types; an empty table keeps its columns. */
export async function writeGapTable(path: string, gaps: readonly Gap[]): Promise<void> {
  await writeParquet(path, [
    { name: "filepath", type: "string", values: gaps.map((gap) => gap.filepath) },
    { name: "label", type: "string", values: gaps.map((gap) => gap.label) },
    { name: "siamese_score", type: "double", values: gaps.map((gap) => gap.siamese_score) },
    { name: "weakness", type: "double", values: gaps.map((gap) => gap.weakness) },
  ]);
}

/**
 * Reads `kpi_gaps.parquet` or a routed subset of it. A figure that is absent is no number.
 *
 * @throws Refusal `input.bad-parquet` for absent columns, and for a figure that is something else than a number.
 */
export async function readGapTable(path: string): Promise<Gap[]> {
  const { columns, rows } = await readParquet(path);
  const missing = ["filepath", "label"].filter((column) => !columns.includes(column));
  if (missing.length > 0)
    throw new Refusal("input.bad-parquet", `${path} lacks ${missing.join(", ")}.`, { path, missing });
  const figure = (row: (typeof rows)[number], column: string): number => {
    const value = row[column] ?? Number.NaN;
    if (typeof value === "number" || typeof value === "bigint") return Number(value);
    throw new Refusal("input.bad-parquet", `${path} has a ${column} that is no number.`, { path, column });
  };
  return rows.map((row) => ({
    filepath: textCell(row, "filepath"),
    label: textCell(row, "label"),
    siamese_score: figure(row, "siamese_score"),
    weakness: figure(row, "weakness"),
  }));
}
