import { Refusal } from "../errors.ts";
import { farInterval, intervalText, recallInterval } from "../kpi/certainty.ts";
import { farPct, recallPct } from "../kpi/far-at-recall.ts";
import { bestOfParts, evaluateThreshold, type OperatingPoint } from "../kpi/sweep.ts";
import { changeView } from "../report/breakdown.ts";
import { type KpiReader, kpiReader } from "../report/kpi-rows.ts";

/** One scoring of a KPI set: its CSV, and the threshold that a run recorded or none. */
export type ScoredCsv = { readonly csv: string; readonly recall: number; readonly threshold?: number | undefined };

/**
 * What one scoring judges otherwise than another one of the same parts, each at its own threshold.
 *
 * @throws Refusal `metric.other-ruler` when the two do not hold the same parts with the same labels; `metric.undefined`
 * when one has no threshold.
 */
export async function compareScorings(before: ScoredCsv, after: ScoredCsv) {
  const readTable = kpiReader();
  const [old, now] = [await readScoring(before, readTable), await readScoring(after, readTable)];
  const change = changeView(old, now);
  if (change === undefined) {
    const facts = { csv: after.csv, rows: now.table.rows, against: before.csv, against_rows: old.table.rows };
    throw new Refusal("metric.other-ruler", "The two were not scored on the same parts with the same labels.", facts);
  }
  return { ...change, before: figuresOf(old.point), after: figuresOf(now.point) };
}

/** The comparison for people. */
export function comparisonText(found: Awaited<ReturnType<typeof compareScorings>>): string[] {
  const line = ({ far_pct, far_interval, recall_pct, recall_interval }: typeof found.before) =>
    `FAR ${far_pct.toFixed(2)}% (95%: ${far_interval}), recall ${recall_pct.toFixed(2)}% (95%: ${recall_interval})`;
  const named = found.new_escapes.length === 0 ? "" : `: ${found.new_escapes.slice(0, 20).join(", ")}`;
  return [
    `Against ${found.from}: ${line(found.before)}`,
    `Now ${line(found.after)}`,
    `False alarms: ${found.fixed_alarms} gone, ${found.new_alarms} new`,
    `Defects: ${found.caught} caught that were missed, ${found.new_escapes.length} newly missed${named}; ${found.escapes} escapes in all`,
  ];
}

async function readScoring({ csv, recall, threshold: recorded }: ScoredCsv, readTable: KpiReader) {
  const notes: string[] = [];
  const table = await readTable(csv, csv, (note) => void notes.push(note));
  if (table.rows === 0 || notes.length > 0) {
    throw new Refusal("input.bad-csv", `${csv} is no complete inference CSV.`, { path: csv, notes });
  }
  const threshold = recorded ?? bestOfParts(table, recall)?.threshold;
  if (threshold === undefined) throw new Refusal("metric.undefined", `${csv} has no defective row.`, { path: csv });
  return { label: csv, table, threshold, point: evaluateThreshold(table, threshold) };
}

function figuresOf(point: OperatingPoint) {
  return {
    threshold: point.threshold,
    far_pct: farPct(point),
    far_interval: intervalText(farInterval(point)),
    recall_pct: recallPct(point),
    recall_interval: intervalText(recallInterval(point)),
  };
}
