import { bestAtRecall, evaluateThreshold, pointAt, type Sweep, sweepThresholds } from "../kpi/sweep.ts";
import type { KpiTable } from "./kpi-rows.ts";
import type { DefectRow, KpiView, ScoreCounts } from "./model.ts";

const bins = 40;
/** More steps than the chart has pixels show nothing more. */
const curveLimit = 400;
/** Distinct scores that one view may put into the page; about 20 bytes each. */
const countsLimit = 12_000;
const recalls = [1, 0.99, 0.95];

/** What the page shows of one scored KPI set; undefined without rows. Without a recorded threshold, the best is shown. */
export function kpiView(label: string, table: KpiTable, recorded: number | undefined): KpiView | undefined {
  if (table.rows === 0) return undefined;
  const sweep = sweepThresholds(table);
  const threshold = recorded ?? bestAtRecall(sweep, 1)?.threshold ?? sweep.thresholds[0] ?? 0;
  return {
    label,
    rows: table.rows,
    pass_rows: sweep.passRows,
    defective_rows: sweep.defectiveRows,
    point: evaluateThreshold(table, threshold),
    recalls: recalls.flatMap((min_recall) => {
      const point = bestAtRecall(sweep, min_recall);
      return point === undefined ? [] : [{ min_recall, point }];
    }),
    counts: scoreCounts(sweep),
    histogram: histogramOf(table, sweep),
    curve: curveOf(sweep),
    defects: defectRows(table, threshold),
  };
}

/** The sweep as counts a threshold; beyond the limit neighbours are merged, and what is left stays exact. */
function scoreCounts(sweep: Sweep): ScoreCounts {
  const last = sweep.thresholds.length - 1;
  const step = Math.max(1, Math.ceil(last / countsLimit));
  const kept = [0];
  for (let at = step; at < last + step; at += step) kept.push(Math.min(at, last));
  const between = (counts: Float64Array) =>
    kept.map((at, index) => (index === 0 ? 0 : (counts[kept[index - 1] ?? 0] ?? 0) - (counts[at] ?? 0)));
  return {
    thresholds: kept.map((at) => sweep.thresholds[at] ?? 0),
    pass: between(sweep.fp),
    defective: between(sweep.tp),
  };
}

function histogramOf({ scores, defective: truth }: KpiTable, sweep: Sweep): KpiView["histogram"] {
  const lowest = sweep.thresholds[1] ?? 0;
  const highest = sweep.thresholds.at(-1) ?? lowest;
  const widen = highest > lowest ? 0 : Math.max(Math.abs(lowest), 1) * 0.05;
  const from = lowest - widen;
  const to = highest + widen;
  const pass = new Array<number>(bins).fill(0);
  const defective = new Array<number>(bins).fill(0);
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] as number;
    const bin = Math.min(bins - 1, Math.floor(((score - from) / (to - from)) * bins));
    const side = truth[row] ? defective : pass;
    side[bin] = (side[bin] ?? 0) + 1;
  }
  return { from, to, pass, defective };
}

/** One step for each recall that occurs, at its lowest FAR, and the end where everything is flagged. */
function curveOf(sweep: Sweep): KpiView["curve"] {
  const steps: { far_pct: number; recall_pct: number; threshold: number }[] = [];
  if (sweep.passRows === 0 || sweep.defectiveRows === 0) return steps;
  for (let at = sweep.thresholds.length - 1; at >= 0; at--) {
    if (at < sweep.thresholds.length - 1 && at > 0 && sweep.tp[at] === sweep.tp[at + 1]) continue;
    const point = pointAt(sweep, at);
    steps.push({ far_pct: 100 * point.far, recall_pct: 100 * point.recall, threshold: point.threshold });
  }
  const every = Math.ceil(steps.length / curveLimit);
  return steps.filter((_, index) => index % every === 0 || index === steps.length - 1);
}

function defectRows({ scores, defective, label, labels }: KpiTable, threshold: number): DefectRow[] {
  const found = new Map<string, { count: number; detected: number; weakest_score: number }>();
  const names = labels.map((text) => text.trim().toLowerCase());
  for (let row = 0; row < scores.length; row++) {
    if (!defective[row]) continue;
    const score = scores[row] as number;
    const name = names[label[row] as number] ?? "";
    const defect = found.get(name) ?? { count: 0, detected: 0, weakest_score: Number.POSITIVE_INFINITY };
    defect.count++;
    if (score > threshold) defect.detected++;
    defect.weakest_score = Math.min(defect.weakest_score, score);
    found.set(name, defect);
  }
  return [...found]
    .map(([label, defect]) => ({ label, ...defect }))
    .sort((a, b) => b.count - b.detected - (a.count - a.detected) || a.weakest_score - b.weakest_score);
}
