import { type ImageLayout, imagePath } from "../run/images.ts";
import { isPass } from "../run/pass-labels.ts";
import { pythonFixed, pythonFloat } from "./python-text.ts";
import { bestAtRecall, evaluateThreshold, type OperatingPoint, sweepThresholds } from "./sweep.ts";

/** One row of an inference CSV, as gap analysis needs it. */
export type InferenceRow = {
  readonly input_path: string;
  readonly object_name: string;
  readonly label: string;
  readonly score: number;
};

/** A weak KPI row: `weakness` is above 0 when misclassified, else minus the margin. */
export type RankedRow = { readonly row: InferenceRow; readonly weakness: number };

/** One image of a weak row, as `kpi_gaps.parquet` holds it. */
export type Gap = {
  readonly filepath: string;
  readonly label: string;
  readonly siamese_score: number;
  readonly weakness: number;
};

export type GapAnalysis = {
  readonly threshold: number;
  readonly point: OperatingPoint;
  /** Weakest first over all labels, at most `topK` a label. */
  readonly ranked: readonly RankedRow[];
};

const upper = (label: string) => label.trim().toUpperCase();

/**
 * Chooses the threshold for `minRecall` (0..1), unless one of 0 or more is pinned, and ranks the weakest `topK` rows
 * of each label (TAO `gap_analysis vcn_aoi`). Undefined when no threshold can be chosen: there is no defective row.
 */
export function analyseGaps(
  rows: readonly InferenceRow[],
  options: { readonly minRecall: number; readonly topK: number; readonly threshold?: number | undefined },
): GapAnalysis | undefined {
  const parts = { scores: rows.map((row) => row.score), defective: rows.map((row) => !isPass(row.label)) };
  const pinned = options.threshold !== undefined && options.threshold >= 0 ? options.threshold : undefined;
  const point =
    pinned === undefined ? bestAtRecall(sweepThresholds(parts), options.minRecall) : evaluateThreshold(parts, pinned);
  if (point === undefined) return undefined;
  return { threshold: point.threshold, point, ranked: rankGaps(rows, point.threshold, options.topK) };
}

/** The weakest `topK` rows of each upper-cased label in one global order; equal weakness keeps the row order. */
export function rankGaps(rows: readonly InferenceRow[], threshold: number, topK: number): RankedRow[] {
  const ranked = rows.map((row) => ({
    row,
    weakness: isPass(row.label) ? row.score - threshold : threshold - row.score,
  }));
  ranked.sort((a, b) => b.weakness - a.weakness);
  const kept = new Map<string, number>();
  return ranked.filter(({ row }) => {
    const label = upper(row.label);
    const count = (kept.get(label) ?? 0) + 1;
    kept.set(label, count);
    return count <= topK;
  });
}

/** One gap a lighting for each ranked row, in `input_map` order; paths are spelled as Python's pathlib joins them. */
export function expandLightings(ranked: readonly RankedRow[], layout: ImageLayout): Gap[] {
  const lightings = layout.lightings.length === 0 ? [undefined] : layout.lightings;
  return ranked.flatMap(({ row, weakness }) =>
    lightings.map((lighting) => ({
      filepath: pathlibSpelling(imagePath(layout, row.input_path, row.object_name, lighting)),
      label: row.label.trim(),
      siamese_score: row.score,
      weakness,
    })),
  );
}

/** The text of `weak_samples_breakdown.txt`. */
export function breakdownText(analysis: GapAnalysis, totalRows: number, topK: number): string {
  const { ranked, threshold } = analysis;
  const byLabel = new Map<string, { count: number; misclassified: number }>();
  for (const { row, weakness } of ranked) {
    const counts = byLabel.get(upper(row.label)) ?? { count: 0, misclassified: 0 };
    counts.count++;
    if (weakness > 0) counts.misclassified++;
    byLabel.set(upper(row.label), counts);
  }
  const lines = [...byLabel].map(([label, { count, misclassified }]) => {
    const share = pythonFixed((100 * count) / ranked.length, 1);
    return `  ${label}: ${count} (${share}%) — ${misclassified} misclassified, ${count - misclassified} marginal`;
  });
  const title = `Weak samples breakdown by label (threshold=${pythonFloat(threshold)}, top_k_per_label=${topK})`;
  const totals = [`Total KPI samples: ${totalRows}`, `Total weak samples kept: ${ranked.length}`];
  return `${[title, ...totals, "", ...lines].join("\n")}\n`;
}

/** What `metrics.json` documents: the operating point, and how weak the rows of each label are. */
export function gapMetrics(rows: readonly InferenceRow[], analysis: GapAnalysis) {
  const { precision, recall, f1, tp, fp, tn, fn } = analysis.point;
  const weaknesses = new Map<string, number[]>();
  for (const { row, weakness } of rankGaps(rows, analysis.threshold, Number.POSITIVE_INFINITY)) {
    const label = upper(row.label);
    const values = weaknesses.get(label) ?? [];
    values.push(weakness);
    weaknesses.set(label, values);
  }
  const per_label = Object.fromEntries([...weaknesses].map(([label, values]) => [label, weaknessFigures(values)]));
  return { threshold: analysis.threshold, precision, recall, f1, confusion_matrix: { tp, fp, tn, fn }, per_label };
}

/**
 * Defect labels among the ranked rows, the most needy first: by missed rows, then by the largest weakness. They are
 * what the next iteration should bring more rows of.
 */
export function targetDefects(analysis: GapAnalysis): string[] {
  const needs = new Map<string, { missed: number; worst: number }>();
  for (const { row, weakness } of analysis.ranked) {
    if (isPass(row.label)) continue;
    const label = row.label.trim().toLowerCase();
    const need = needs.get(label) ?? { missed: 0, worst: weakness };
    if (row.score <= analysis.threshold) need.missed++;
    needs.set(label, need);
  }
  return [...needs].sort(([, a], [, b]) => b.missed - a.missed || b.worst - a.worst).map(([label]) => label);
}

/** `values` come weakest first. */
function weaknessFigures(values: readonly number[]) {
  const middle = (values.length - 1) / 2;
  const median = ((values[Math.floor(middle)] ?? Number.NaN) + (values[Math.ceil(middle)] ?? Number.NaN)) / 2;
  return {
    total: values.length,
    mean_weakness: values.reduce((sum, value) => sum + value, 0) / values.length,
    median_weakness: median,
    max_weakness: values[0] ?? Number.NaN,
    n_misclassified: values.filter((value) => value > 0).length,
  };
}

/** Without empty and `.` segments; `..` stays. */
function pathlibSpelling(path: string): string {
  if (!/\/\/|(?:^|\/)\.(?:\/|$)|.\/$/.test(path)) return path;
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  return (path.startsWith("/") ? "/" : "") + segments.join("/");
}
