import { leastRows } from "../kpi/least.ts";
import type { KpiTable } from "./kpi-rows.ts";

/** A KPI set as one iteration scored it, and the threshold that it is judged by. */
export type Judged = { readonly label: string; readonly table: KpiTable; readonly threshold: number };

/** A part is flagged when its score is strictly above the threshold. */
export const isWrong = ({ table, threshold }: Judged, row: number): boolean =>
  (table.defective[row] === 1) !== (table.scores[row] as number) > threshold;

/** Every misjudged row by its number: missed defects first, then false alarms, each the furthest off first. */
export function misjudged(judged: Judged): number[] {
  const worst = worstRows(judged, Number.POSITIVE_INFINITY);
  for (let row = 0; row < judged.table.rows; row++) if (isWrong(judged, row)) worst.add(row);
  return worst.rows();
}

/** Chooses the `most` worst of misjudged rows, in the order of `misjudged`. */
export function worstRows({ table: { defective, scores } }: Judged, most: number) {
  const [missed, alarms] = [leastRows(most), leastRows(most)];
  return {
    add(row: number): void {
      const score = scores[row] as number;
      if (defective[row] === 1) missed.add(row, score);
      else alarms.add(row, -score);
    },
    rows: (): number[] => [...missed.rows(), ...alarms.rows()].slice(0, most),
  };
}

/** How many defects are missed, and how many good parts flagged. */
export function countMisjudged(judged: Judged): { readonly missed: number; readonly false_alarms: number } {
  const counts = { missed: 0, false_alarms: 0 };
  for (let row = 0; row < judged.table.rows; row++) {
    if (isWrong(judged, row)) counts[judged.table.defective[row] === 1 ? "missed" : "false_alarms"]++;
  }
  return counts;
}

/** Whether two scorings, which one reader has read, have the same parts row by row. */
export const inOneOrder = (one: KpiTable, other: KpiTable): boolean => one.part === other.part;

/** What names the part of a row across scorings. */
export const partKey = ({ part }: KpiTable, row: number): string => part.map((numbers) => numbers.at(row)).join(" ");

/**
 * Numbers the parts of several scorings of a KPI set: for each of them the part of every row, a part being its images and
 * the how many-th row of them it is. Rows in one order, which is the rule, take no key each.
 */
export function partsOf(tables: readonly KpiTable[]): { readonly count: number; readonly of: readonly Int32Array[] } {
  const [first] = tables;
  if (first !== undefined && tables.every((one) => inOneOrder(first, one))) {
    const numbers = new Int32Array(first.rows);
    for (let row = 0; row < first.rows; row++) numbers[row] = row;
    return { count: first.rows, of: tables.map(() => numbers) };
  }
  const numbers = new Map<string, number>();
  const of = tables.map((table) => {
    const seen = new Map<string, number>();
    return Int32Array.from({ length: table.rows }, (_, row) => {
      const key = partKey(table, row);
      const count = (seen.get(key) ?? 0) + 1;
      seen.set(key, count);
      const name = count === 1 ? key : `${key} ${count}`;
      const number = numbers.get(name) ?? numbers.size;
      numbers.set(name, number);
      return number;
    });
  });
  return { count: numbers.size, of };
}

/** Numbers of rows of the later scoring. */
export type Changes = {
  readonly fixed: readonly number[];
  readonly broken: readonly number[];
  readonly still: readonly number[];
};

/** What became of each part from one judgement to another; parts that only one of them has count in neither. */
export function changesBetween(before: Judged, after: Judged): Changes {
  const { count, of } = partsOf([before.table, after.table]);
  const [was = new Int32Array(), is = new Int32Array()] = of;
  /** 1 was right, 2 was wrong, 0 was not there. */
  const known = new Uint8Array(count);
  for (let row = 0; row < was.length; row++) known[was[row] as number] = isWrong(before, row) ? 2 : 1;
  const changes = { fixed: [] as number[], broken: [] as number[], still: [] as number[] };
  for (let row = 0; row < is.length; row++) {
    const before = known[is[row] as number];
    const [wasWrong, nowWrong] = [before === 2, isWrong(after, row)];
    if (before === 0 || (!wasWrong && !nowWrong)) continue;
    if (!nowWrong) changes.fixed.push(row);
    else if (wasWrong) changes.still.push(row);
    else changes.broken.push(row);
  }
  return changes;
}
