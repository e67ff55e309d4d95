import { type ImageLayout, imagePath } from "../run/images.ts";
import { isPass } from "../run/pass-labels.ts";
import { leastRows } from "./least.ts";
import { pythonFixed, pythonFloat } from "./python-text.ts";
import { bestOfParts, evaluateThreshold, type OperatingPoint } from "./sweep.ts";

/** One row of an inference CSV, as gap analysis needs it. */
export type InferenceRow = {
  readonly input_path: string;
  readonly object_name: string;
  readonly label: string;
  readonly score: number;
};

/** The rows of an inference CSV by column: some 12 bytes a row, and no object for those that nobody asks for. */
export type InferenceTable<Row extends InferenceRow = InferenceRow> = {
  readonly rows: number;
  readonly scores: Float64Array;
  /** Numbers into `labels`. */
  readonly label: ArrayLike<number>;
  readonly labels: readonly string[];
  at(row: number): Row;
};

/** A weak KPI row: `weakness` is above 0 when misclassified, else minus the margin. */
export type RankedRow<Row extends InferenceRow = InferenceRow> = { readonly row: Row; readonly weakness: number };

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

/** 1 for each row whose label is that of a defect, 0 for the others. */
export function defectiveRows({ rows, label, labels }: Pick<InferenceTable, "rows" | "label" | "labels">): Uint8Array {
  const isDefect = labels.map((text) => (isPass(text) ? 0 : 1));
  const defective = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) defective[row] = isDefect[label[row] as number] ?? 1;
  return defective;
}

const upper = (label: string) => label.trim().toUpperCase();

/**
 * Chooses the threshold for `minRecall` (0..1), unless one of 0 or more is pinned, and ranks the weakest `topK` rows
 * of each label (TAO `gap_analysis vcn_aoi`). Undefined when no threshold can be chosen: there is no defective row.
 */
export function analyseGaps(
  table: InferenceTable,
  options: { readonly minRecall: number; readonly topK: number; readonly threshold?: number | undefined },
): GapAnalysis | undefined {
  const parts = { scores: table.scores, defective: defectiveRows(table) };
  const pinned = options.threshold !== undefined && options.threshold >= 0 ? options.threshold : undefined;
  const point = pinned === undefined ? bestOfParts(parts, options.minRecall) : evaluateThreshold(parts, pinned);
  if (point === undefined) return undefined;
  return { threshold: point.threshold, point, ranked: rankGaps(table, point.threshold, options.topK) };
}

/** The weakest `topK` rows of each upper-cased label in one global order; equal weakness keeps the row order. */
export function rankGaps<Row extends InferenceRow>(
  table: InferenceTable<Row>,
  threshold: number,
  topK: number,
): RankedRow<Row>[] {
  const { names, weaknessAt, groupAt } = byLabel(table, threshold);
  const weakest = names.map(() => leastRows(topK));
  for (let at = 0; at < table.rows; at++) weakest[groupAt(at)]?.add(at, -weaknessAt(at));
  return weakest
    .flatMap((one) => one.rows().map((at) => ({ at, weakness: weaknessAt(at) })))
    .sort((a, b) => b.weakness - a.weakness || a.at - b.at)
    .map(({ at, weakness }) => ({ row: table.at(at), weakness }));
}

/** How weak a row is, and which of the upper-cased labels it has. */
function byLabel({ scores, label, labels }: InferenceTable, threshold: number) {
  const names = [...new Set(labels.map(upper))];
  const numbers = new Map(names.map((name, at) => [name, at]));
  const groupOf = labels.map((text) => numbers.get(upper(text)) ?? 0);
  const good = labels.map(isPass);
  const groupAt = (row: number): number => groupOf[label[row] as number] as number;
  const weaknessAt = (row: number): number => {
    const score = scores[row] as number;
    return good[label[row] as number] ? score - threshold : threshold - score;
  };
  return { names, groupAt, weaknessAt };
}

/** The weaknesses of the rows of each upper-cased label, ascending. */
function weaknesses(table: InferenceTable, threshold: number): { name: string; sorted: Float64Array }[] {
  const { names, groupAt, weaknessAt } = byLabel(table, threshold);
  const sizes = new Float64Array(names.length);
  for (let row = 0; row < table.rows; row++) sizes[groupAt(row)] = (sizes[groupAt(row)] as number) + 1;
  const groups = names.map((name, at) => ({ name, sorted: new Float64Array(sizes[at] as number), filled: 0 }));
  for (let row = 0; row < table.rows; row++) {
    const group = groups[groupAt(row)] as (typeof groups)[number];
    group.sorted[group.filled++] = weaknessAt(row);
  }
  for (const { sorted } of groups) sorted.sort();
  return groups;
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

/** What `metrics.json` documents: the operating point, and how weak the rows of each label are, the weakest label first. */
export function gapMetrics(table: InferenceTable, analysis: GapAnalysis) {
  const { precision, recall, f1, tp, fp, tn, fn } = analysis.point;
  const order = [...new Set(analysis.ranked.map(({ row }) => upper(row.label)))];
  const groups = weaknesses(table, analysis.threshold);
  groups.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const per_label = Object.fromEntries(groups.map(({ name, sorted }) => [name, weaknessFigures(sorted)]));
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

/** `values` come ascending; they are added up from the weakest row on, which decides the last digit. */
function weaknessFigures(values: Float64Array) {
  const middle = (values.length - 1) / 2;
  const median = ((values[Math.ceil(middle)] ?? Number.NaN) + (values[Math.floor(middle)] ?? Number.NaN)) / 2;
  let misclassified = 0;
  for (const value of values) if (value > 0) misclassified++;
  return {
    total: values.length,
    mean_weakness: values.reduceRight((sum, value) => sum + value, 0) / values.length,
    median_weakness: median,
    max_weakness: values.at(-1) ?? Number.NaN,
    n_misclassified: misclassified,
  };
}

/** Without empty and `.` segments; `..` stays. */
function pathlibSpelling(path: string): string {
  if (!/\/\/|(?:^|\/)\.(?:\/|$)|.\/$/.test(path)) return path;
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  return (path.startsWith("/") ? "/" : "") + segments.join("/");
}
