import type { KpiTable } from "./kpi-rows.ts";

/** A KPI set as one iteration scored it, and the threshold that it is judged by. */
export type Judged = { readonly label: string; readonly table: KpiTable; readonly threshold: number };

/** A part is flagged when its score is strictly above the threshold. */
const isWrong = ({ table, threshold }: Judged, row: number): boolean =>
  (table.defective[row] === 1) !== (table.scores[row] as number) > threshold;

/** Every misjudged row by its number: missed defects first, then false alarms, each the furthest off first. */
export function misjudged(judged: Judged): number[] {
  const { defective, scores, rows: count } = judged.table;
  const rows: number[] = [];
  for (let row = 0; row < count; row++) if (isWrong(judged, row)) rows.push(row);
  const [isBad, scoreOf] = [(row: number) => defective[row] as number, (row: number) => scores[row] as number];
  const further = (a: number, b: number) => (isBad(a) ? scoreOf(a) - scoreOf(b) : scoreOf(b) - scoreOf(a));
  return rows.sort((a, b) => isBad(b) - isBad(a) || further(a, b));
}

/** How many defects are missed, and how many good parts flagged. */
export function countMisjudged(judged: Judged): { readonly missed: number; readonly false_alarms: number } {
  const counts = { missed: 0, false_alarms: 0 };
  for (let row = 0; row < judged.table.rows; row++) {
    if (isWrong(judged, row)) counts[judged.table.defective[row] === 1 ? "missed" : "false_alarms"]++;
  }
  return counts;
}

/** Whether two scorings have the same parts row by row. */
export function inOneOrder(one: KpiTable, other: KpiTable): boolean {
  if (one === other) return true;
  if (one.texts !== other.texts) throw new Error("the scorings share no texts");
  if (one.rows !== other.rows) return false;
  for (let row = 0; row < one.rows; row++) {
    if (one.part.some((numbers, at) => numbers.at(row) !== other.part[at]?.at(row))) return false;
  }
  return true;
}

/** What names the part of a row across scorings. */
export const partKey = ({ part }: KpiTable, row: number): string => part.map((numbers) => numbers.at(row)).join(" ");

/**
 * Numbers the parts of several scorings of a KPI set: for each of them the part of every row, a part being its images and
 * the how many-th row of them it is. Rows in one order, which is the rule, take no key each.
 */
export function partsOf(tables: readonly KpiTable[]): { readonly count: number; readonly of: readonly Int32Array[] } {
  const [first] = tables;
  if (first !== undefined && tables.every((one) => inOneOrder(first, one))) {
    const numbers = Int32Array.from({ length: first.rows }, (_, row) => row);
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
  for (const [row, part] of was.entries()) known[part] = isWrong(before, row) ? 2 : 1;
  const changes = { fixed: [] as number[], broken: [] as number[], still: [] as number[] };
  for (const [row, part] of is.entries()) {
    const [wasWrong, nowWrong] = [known[part] === 2, isWrong(after, row)];
    if (known[part] === 0 || (!wasWrong && !nowWrong)) continue;
    if (!nowWrong) changes.fixed.push(row);
    else if (wasWrong) changes.still.push(row);
    else changes.broken.push(row);
  }
  return changes;
}
