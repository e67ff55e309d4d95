import { createHash } from "node:crypto";
import { mandatoryColumns } from "./changenet.ts";
import { scanTable } from "./csv.ts";
import { createPackedList, type NumberColumn } from "./number-list.ts";
import { createTextTable, type TextTable } from "./text-table.ts";

/** Columns that checks need; the last two may be absent. */
const names = [...mandatoryColumns, "boardname", "comp_name"] as const;
type Column = (typeof names)[number];

/**
 * The cells of a ChangeNet CSV that checks need, as numbers into `texts`: a byte or two each in most tables, four
 * at most, and about 4 beside its own for every distinct text, 5 to 8 more while texts are looked for.
 */
export type RowColumns = {
  readonly path: string;
  /** Of the bytes that the rows were read from. */
  readonly sha256: string;
  readonly header: readonly string[];
  /** Whether the file opened with a byte order mark. */
  readonly bom: boolean;
  /** Mandatory columns that the header lacks; then no row was kept. */
  readonly missing: readonly string[];
  readonly rows: number;
  readonly lines: NumberColumn;
  /** Every distinct cell of the columns once. */
  readonly texts: TextTable;
} & Readonly<Record<(typeof mandatoryColumns)[number], NumberColumn>> &
  Readonly<Record<"boardname" | "comp_name", NumberColumn | undefined>>;

/** Reads the columns that checks need. @throws what `scanTable` throws; Refusal `input.too-many-rows`. */
export async function readRowColumns(path: string): Promise<RowColumns> {
  const texts = createTextTable();
  const lines = createPackedList();
  const columns = new Map<Column, ReturnType<typeof textColumn>>();
  let missing: readonly string[] = [];
  const hash = createHash("sha256");
  const open = (all: readonly string[]) => {
    missing = mandatoryColumns.filter((column) => !all.includes(column));
    if (missing.length > 0) return () => undefined;
    for (const name of names) if (all.includes(name)) columns.set(name, textColumn(texts, all.indexOf(name)));
    const kept = [...columns.values()];
    return (cells: readonly string[], line: number) => {
      lines.push(line);
      for (const column of kept) column.add(cells);
    };
  };
  const { header, rows, bom } = await scanTable(path, open, (bytes) => hash.update(bytes));
  texts.rest();
  const numbers = (name: Column): NumberColumn => columns.get(name)?.numbers ?? createPackedList();
  const where = { path, sha256: hash.digest("hex"), header, bom, missing, rows, lines, texts };
  return {
    ...where,
    input_path: numbers("input_path"),
    golden_path: numbers("golden_path"),
    label: numbers("label"),
    object_name: numbers("object_name"),
    boardname: columns.get("boardname")?.numbers,
    comp_name: columns.get("comp_name")?.numbers,
  };
}

/** Keeps one cell of each row as its number in `texts`; the cell above is often the same. */
export function textColumn(texts: TextTable, at: number) {
  const numbers = createPackedList();
  let [last, number] = ["", -1];
  return {
    add(cells: readonly string[]): void {
      const cell = cells[at] ?? "";
      if (number < 0 || cell !== last) [last, number] = [cell, texts.numberOf(cell)];
      numbers.push(number);
    },
    numbers: numbers as NumberColumn,
  };
}

type Texts = { readonly texts: Pick<TextTable, "at"> };

/** A text of `texts` by the number that a column holds; empty for a column that is absent. */
export function textAt({ texts }: Texts, column: NumberColumn | undefined, row: number): string {
  return column === undefined ? "" : texts.at(column.at(row));
}

/** Texts with numbers near one another share a map: one of all would end at 16.7 million. */
const shardBits = 20;

/** What is said of a text by its number, asked once each: for columns of labels or directories, of which a row may have its own. */
export function onceEachText<Value>({ texts }: Texts, ask: (text: string) => Value): (number: number) => Value {
  const shards: Map<number, Value>[] = [];
  return (number) => {
    // The text of a column that is absent has the number -1.
    const at = (number + 1) >>> shardBits;
    shards[at] ??= new Map();
    const known = shards[at] as Map<number, Value>;
    if (!known.has(number)) known.set(number, ask(texts.at(number)));
    return known.get(number) as Value;
  };
}

/** Rows by label as written, in the order of first mention. */
export function rowsByLabel({ label, texts }: RowColumns): Map<string, number> {
  const counts = new Map<number, number>();
  for (const text of label) counts.set(text, (counts.get(text) ?? 0) + 1);
  return new Map([...counts].map(([text, rows]) => [texts.at(text), rows]));
}
