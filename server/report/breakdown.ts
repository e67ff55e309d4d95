import { onceEachText } from "../data/row-columns.ts";
import { farInterval, intervalText } from "../kpi/certainty.ts";
import type { KpiTable } from "./kpi-rows.ts";
import { changesBetween, inOneOrder, type Judged, partKey } from "./misjudged.ts";
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
export function breakdown(table: KpiTable, threshold: number): BreakdownView[] {
  return groupColumns.flatMap(([column, title]) => {
    const groups = groupsOf(table, column, threshold);
    if (groups.length < 2) return [];
    const failing = groups.filter(({ false_alarms, missed }) => false_alarms + missed > 0);
    const shown = groups.slice(0, groupsShown).map((group) => ({ ...group, far_interval: farText(group) }));
    return [{ title, groups: shown, of: groups.length, failing: failing.length }];
  });
}

type Group = { pass: number; false_alarms: number; defects: number; missed: number };

function groupsOf(table: KpiTable, column: string, threshold: number): (Group & { readonly name: string })[] {
  const found = new Map<string, Group>();
  const groupOf = groupNamer(table, column, found);
  for (let row = 0; row < table.rows; row++) {
    const group = groupOf(row);
    if (group === undefined) continue;
    const flagged = (table.scores[row] as number) > threshold;
    if (table.defective[row]) {
      group.defects++;
      if (!flagged) group.missed++;
    } else {
      group.pass++;
      if (flagged) group.false_alarms++;
    }
  }
  return [...found]
    .map(([name, group]) => ({ name, ...group }))
    .sort((a, b) => b.missed - a.missed || b.false_alarms - a.false_alarms || b.pass + b.defects - a.pass - a.defects);
}

/** Finds the group of a row; undefined where the cell is empty. */
function groupNamer({ label, labels, groups, texts }: KpiTable, column: string, found: Map<string, Group>) {
  const isLabel = column === "label";
  const numbers = groups.get(column);
  const numberOf = isLabel ? (row: number) => label[row] : (row: number) => numbers?.at(row);
  const named = isLabel ? { at: (number: number) => labels[number] ?? "" } : texts;
  const groupOf = onceEachText({ texts: named }, (text) => {
    const name = text.trim();
    if (name === "") return undefined;
    const group = found.get(name) ?? { pass: 0, false_alarms: 0, defects: 0, missed: 0 };
    found.set(name, group);
    return group;
  });
  return (row: number): Group | undefined => {
    const number = numberOf(row);
    return number === undefined ? undefined : groupOf(number);
  };
}

function farText({ pass, false_alarms }: { pass: number; false_alarms: number }): string {
  return pass === 0 ? "" : intervalText(farInterval({ tp: 0, fn: 0, fp: false_alarms, tn: pass - false_alarms }));
}

/**
 * Which parts one scoring fixed and which newly fail against another, each at its own threshold; undefined when the two
 * did not score the same parts with the same labels, because then no part can be compared.
 */
export function changeView(before: Judged, after: Judged): ChangeView | undefined {
  if (!sameParts(before.table, after.table)) return undefined;
  const { fixed, broken, still } = changesBetween(before, after);
  const defects = (rows: readonly number[]) => rows.filter((row) => after.table.defective[row] === 1);
  const escapes = defects(broken);
  return {
    from: before.label,
    to: after.label,
    fixed_alarms: fixed.length - defects(fixed).length,
    new_alarms: broken.length - escapes.length,
    caught: defects(fixed).length,
    new_escapes: escapes.map((row) => after.table.at(row).object_name),
    escapes: escapes.length + defects(still).length,
  };
}

/** Whether two scorings have each part with each label as often. */
function sameParts(one: KpiTable, other: KpiTable): boolean {
  if (one.rows !== other.rows) return false;
  const labelAt = ({ labels, label }: KpiTable, row: number) => labels[label[row] as number];
  if (inOneOrder(one, other)) {
    let at = 0;
    while (at < one.rows && labelAt(one, at) === labelAt(other, at)) at++;
    if (at === one.rows) return true;
  }
  const counts = new Map<string, number>();
  const keyOf = (table: KpiTable, row: number) => `${partKey(table, row)} ${labelAt(table, row)}`;
  for (let row = 0; row < one.rows; row++) {
    const key = keyOf(one, row);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (let row = 0; row < other.rows; row++) {
    const key = keyOf(other, row);
    const left = counts.get(key) ?? 0;
    if (left === 0) return false;
    counts.set(key, left - 1);
  }
  return true;
}
