import { farInterval, intervalText } from "../kpi/certainty.ts";
import type { KpiRow } from "./kpi-rows.ts";
import { changesBetween, type Judged } from "./misjudged.ts";
import type { BreakdownView, ChangeView } from "./model.ts";

/** Columns by which parts are told apart, with their names for people (tao-stages 1.3). */
export const groupColumns = [
  ["boardname", "Board"],
  ["comp_name", "Part"],
  ["part_type", "Part type"],
  ["comp_type_1", "Component type"],
  ["lighting", "Lighting"],
  ["label", "Label"],
] as const;

/** More groups than this say nothing at a glance: every part a group of its own. */
const groupsShown = 12;

/**
 * Where a scored KPI set fails: for each column the groups with most escapes first, then most false alarms. A column
 * that puts all rows into one group, or that is empty, tells nothing and is left out.
 */
export function breakdown(rows: readonly KpiRow[], threshold: number): BreakdownView[] {
  return groupColumns.flatMap(([column, title]) => {
    const groups = groupsOf(rows, column, threshold);
    if (groups.length < 2) return [];
    const failing = groups.filter(({ false_alarms, missed }) => false_alarms + missed > 0);
    return [{ title, groups: groups.slice(0, groupsShown), of: groups.length, failing: failing.length }];
  });
}

function groupsOf(rows: readonly KpiRow[], column: string, threshold: number): BreakdownView["groups"] {
  const found = new Map<string, { pass: number; false_alarms: number; defects: number; missed: number }>();
  for (const row of rows) {
    const name = (column === "label" ? row.label : (row.groups[column] ?? "")).trim();
    if (name === "") continue;
    const group = found.get(name) ?? { pass: 0, false_alarms: 0, defects: 0, missed: 0 };
    const flagged = row.score > threshold;
    if (row.defective) {
      group.defects++;
      if (!flagged) group.missed++;
    } else {
      group.pass++;
      if (flagged) group.false_alarms++;
    }
    found.set(name, group);
  }
  return [...found]
    .map(([name, group]) => ({ name, ...group, far_interval: farText(group) }))
    .sort((a, b) => b.missed - a.missed || b.false_alarms - a.false_alarms || b.pass + b.defects - a.pass - a.defects);
}

function farText({ pass, false_alarms }: { pass: number; false_alarms: number }): string {
  return pass === 0 ? "" : intervalText(farInterval({ tp: 0, fn: 0, fp: false_alarms, tn: pass - false_alarms }));
}

/**
 * Which parts one scoring fixed and which newly fail against another, each at its own threshold; undefined when the two
 * did not score the same parts with the same labels, because then no part can be compared.
 */
export function changeView(before: Judged, after: Judged): ChangeView | undefined {
  const parts = ({ rows }: Judged) => rows.map(partOf).sort().join("\n");
  if (before.rows.length !== after.rows.length || parts(before) !== parts(after)) return undefined;
  const { fixed, broken, still } = changesBetween(before, after);
  const defects = (rows: readonly KpiRow[]) => rows.filter(({ defective }) => defective);
  const escapes = defects(broken);
  return {
    from: before.label,
    to: after.label,
    fixed_alarms: fixed.length - defects(fixed).length,
    new_alarms: broken.length - escapes.length,
    caught: defects(fixed).length,
    new_escapes: escapes.map(({ object_name }) => object_name),
    escapes: escapes.length + defects(still).length,
  };
}

function partOf({ input_path, golden_path, object_name, label }: KpiRow): string {
  return [input_path, golden_path, object_name, label].join("\0");
}
