import { Refusal } from "../errors.ts";
import { readTable, tableRows, writeRows, writeTable } from "./csv.ts";

/** Columns that TAO needs (tao-stages 1.3). */
export const mandatoryColumns = ["input_path", "golden_path", "label", "object_name"] as const;

/** The full published header, in its order. */
export const changenetColumns = [
  ...mandatoryColumns,
  "project",
  "boardname",
  "comp_type_2",
  "mpass_mfail",
  "is_valid",
  "comp_name",
  "part_type",
  "number_of_pins",
  "description",
  "comp_type_1",
] as const;

/** One row by column name, cells as written. Rows of one file all have its columns; extra columns are kept. */
export type ChangeNetRow = Readonly<Record<(typeof mandatoryColumns)[number], string>> &
  Readonly<Record<string, string>>;

export type ChangeNetTable = {
  readonly columns: readonly string[];
  readonly rows: readonly ChangeNetRow[];
  /** Physical line of each row; the header is line 1. */
  readonly lines: readonly number[];
  readonly bom: boolean;
};

/**
 * Reads a ChangeNet CSV (training, validation, KPI, pool, combined or inference).
 *
 * @throws Refusal `gate.schema` naming the missing mandatory columns; what `readTable` throws.
 */
export async function readChangeNet(path: string): Promise<ChangeNetTable> {
  const { header, rows, lines, bom } = await readTable(path);
  refuseMissingColumns(path, header, mandatoryColumns);
  return { columns: header, rows: rows.map((cells) => rowOf(header, cells)), lines, bom };
}

/** The rows of a ChangeNet CSV one by one. @throws like `readChangeNet`, but for no number of rows. */
export async function* changeNetRows(path: string): AsyncGenerator<ChangeNetRow, void, undefined> {
  for await (const { row } of changeNetLines(path)) yield row;
}

/** The same, each row with the physical line on which it starts. */
export async function* changeNetLines(
  path: string,
): AsyncGenerator<{ readonly row: ChangeNetRow; readonly line: number }, void, undefined> {
  let checked = false;
  for await (const { header, cells, line } of tableRows(path)) {
    if (!checked) refuseMissingColumns(path, header, mandatoryColumns);
    checked = true;
    yield { row: rowOf(header, cells), line };
  }
}

/** Writes the 14 published columns and then the extra ones, padding absent cells; atomic, LF, no byte order mark. */
export async function writeChangeNet(path: string, rows: readonly ChangeNetRow[]): Promise<void> {
  const columns = columnsOf(rows);
  await writeTable(
    path,
    columns,
    rows.map((row) => columns.map((column) => row[column] ?? "")),
  );
}

/** Writes like `writeChangeNet`, row by row as they come; every row has the columns of the first. */
export async function writeChangeNetRows(path: string, rows: AsyncIterable<ChangeNetRow>): Promise<void> {
  await writeRows(path, linesOf(rows));
}

/** Rows as `change` makes them, one by one. */
export async function* changedRows(
  rows: AsyncIterable<ChangeNetRow>,
  change: (row: ChangeNetRow) => ChangeNetRow,
): AsyncGenerator<ChangeNetRow> {
  for await (const row of rows) yield change(row);
}

async function* linesOf(rows: AsyncIterable<ChangeNetRow>): AsyncGenerator<string[]> {
  let columns: readonly string[] | undefined;
  for await (const row of rows) {
    if (columns === undefined) {
      columns = columnsOf([row]);
      yield [...columns];
    }
    yield columns.map((column) => row[column] ?? "");
  }
  if (columns === undefined) yield columnsOf([]);
}

/** The 14 published columns followed by every other column that a row has, in order of first appearance. */
export function columnsOf(rows: readonly ChangeNetRow[]): string[] {
  const columns = new Set<string>(changenetColumns);
  for (const row of rows) for (const column of Object.keys(row)) columns.add(column);
  return [...columns];
}

/** @throws Refusal `gate.schema` when a named column is not in the header. */
export function refuseMissingColumns(path: string, header: readonly string[], needed: readonly string[]): void {
  const missing = needed.filter((column) => !header.includes(column));
  if (missing.length === 0) return;
  throw new Refusal("gate.schema", `${path} lacks ${missing.join(", ")}.`, { path, missing, columns: header.length });
}

/** Cells by column name. */
export function byColumn(header: readonly string[], cells: readonly string[]): Record<string, string> {
  const row: Record<string, string> = {};
  for (let at = 0; at < header.length; at++) row[header[at] ?? ""] = cells[at] ?? "";
  return row;
}

function rowOf(header: readonly string[], cells: readonly string[]): ChangeNetRow {
  return byColumn(header, cells) as ChangeNetRow;
}
