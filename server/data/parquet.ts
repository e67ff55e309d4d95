import type { SchemaElement } from "hyparquet";
import { Refusal } from "../errors.ts";
import { WorkFailed } from "../exec/second-process.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { fileFacts } from "../fs/read.ts";
import { askAlone, askOutside } from "./process/lanes.ts";
import type { Request } from "./process/main.ts";
import type { Cells, ParquetPart } from "./process/parquet-parts.ts";

type ParquetRequest = Extract<Request, { readonly kind: "parquet" | "paths" | "nearest" | "similar" }>;

/** Kinds of columns: of single values, and of lists of those that are no JSON. */
type SingleKind = "string" | "double" | "int64" | "uint64" | "boolean" | "timestamp" | "json";
type ListKind = `${Exclude<SingleKind, "json">}_list`;
export type ColumnKind = SingleKind | ListKind;

/** One column to write: a name and values of one kind, which may be made as they are asked for; a value that is missing is null. */
export type ParquetColumn =
  | { readonly name: string; readonly type: "string"; readonly values: Values<string> }
  | { readonly name: string; readonly type: "double"; readonly values: Values<number> }
  | { readonly name: string; readonly type: "double_list"; readonly values: Values<readonly number[]> }
  | {
      readonly name: string;
      readonly type: Exclude<ColumnKind, "string" | "double" | "double_list">;
      readonly values: Values<unknown>;
    };

/** An array is one. */
type Values<Value> = { readonly length: number; at(row: number): Value | undefined };

/** Rows of the first group, for readers that look into a file, and of the others; fewer where a row is a long list. */
const groupRows = { first: 1000, most: 100_000 } as const;
/** Numbers of a group of lists: what is in memory of them at one time, some 100 MB with what the writer makes of them. */
const groupNumbers = 500_000;

type ParquetRow = Readonly<Record<string, unknown>>;
export type ParquetTable = { readonly columns: readonly string[]; readonly rows: readonly ParquetRow[] };

/** A row group may take this long, and this long for each MB of the file. */
const baseMs = 3500;
const msPerMb = 500;
/**
 * A file beyond this size gets a process of its own, with a heap that fits it, which ends with the last row. Where paths or
 * vectors alone are read, page by page, the heap is that of any; then the size is one from which the work takes so long
 * that others would wait for the process.
 */
const largeBytes = { parquet: 1e6, paths: 1e7, nearest: 1e7, similar: 1e7 } as const;
const heapMbPerMb = 8;
const heapMbLimit = 8192;

/**
 * Reads a parquet file, all columns or some of them: strings and numbers as JavaScript values, number lists as `Float64Array`, null cells as
 * null. A second process reads it under a limit of time and memory, because a few spoiled bytes can keep the library
 * busy for minutes.
 *
 * Column types of a file without rows carry no meaning (pandas writes null or double there), so only names are given.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`.
 */
export async function readParquet(path: string, columns?: readonly string[]): Promise<ParquetTable> {
  const request = { kind: "parquet", path, ...(columns === undefined ? {} : { columns }) } as const;
  return tableOf((await askOfParquet(request, [path])) as ParquetPart[]);
}

/** Hands out the column `filepath` row by row, and keeps nothing; no row where there is no such column. @throws like `readParquet`. */
export async function eachPath(path: string, onPath: (filepath: string) => void): Promise<void> {
  const onPart = (part: unknown): void => {
    for (const filepath of part as readonly string[]) onPath(filepath);
  };
  await askOfParquet({ kind: "paths", path }, [path], { onPart });
}

/**
 * Lets the second process answer what is asked of parquet files, under limits of time and memory that fit their size.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`, or the reason of the signal.
 */
export async function askOfParquet(
  request: ParquetRequest,
  paths: readonly [string, ...string[]],
  { signal, onPart }: { readonly signal?: AbortSignal | undefined; readonly onPart?: (part: unknown) => void } = {},
): Promise<unknown[]> {
  const sizes = await Promise.all(paths.map(async (one) => (await fileFacts(one))?.size_bytes ?? 0));
  const size_bytes = sizes.reduce((sum, size) => sum + size, 0);
  const limitMs = Math.round(baseMs + (msPerMb * size_bytes) / 1e6);
  try {
    const limits = { limitMs, signal, onPart };
    if (size_bytes <= largeBytes[request.kind]) return await askOutside(request, limits);
    const heapMb = request.kind === "parquet" ? Math.round((heapMbPerMb * size_bytes) / 1e6) : 0;
    return await askAlone(request, limits, Math.min(heapMbLimit, heapMb));
  } catch (error) {
    if (!(error instanceof WorkFailed)) throw error;
    const { why, refused } = error;
    if (refused !== undefined) throw new Refusal(refused.code, error.message, refused.facts, { cause: error });
    const [path] = paths;
    const known = why === "timeout" ? { path, limit_sec: limitMs / 1000 } : { path };
    throw new Refusal("input.bad-parquet", `${path} ${troubles[why]}.`, known, { cause: error });
  }
}

const troubles = {
  thrown: "is not a readable parquet file",
  timeout: "could not be read as parquet in time",
  died: "needs more memory than a parquet file of its size may take",
} as const;

/**
 * Reads like `readParquet`, but hands out row by row and keeps nothing. Returns the names of all columns that there are.
 *
 * @throws like `readParquet`.
 */
export async function scanParquet(
  path: string,
  onRow: (row: ParquetRow) => void,
  asked?: readonly string[],
): Promise<readonly string[]> {
  let columns: readonly string[] = [];
  let all: readonly string[] = [];
  const onPart = (part: unknown): void => {
    const piece = part as ParquetPart;
    if ("columns" in piece) ({ columns, all } = piece);
    else for (const row of rowsOf(columns, piece)) onRow(row);
  };
  const request = { kind: "parquet", path, ...(asked === undefined ? {} : { columns: asked }) } as const;
  await askOfParquet(request, [path], { onPart });
  return all;
}

function tableOf(parts: readonly ParquetPart[]): ParquetTable {
  let columns: readonly string[] = [];
  const rows: ParquetRow[] = [];
  for (const part of parts) {
    if ("columns" in part) columns = part.columns;
    else for (const row of rowsOf(columns, part)) rows.push(row);
  }
  return { columns, rows };
}

function* rowsOf(columns: readonly string[], part: Extract<ParquetPart, { rows: number }>): Generator<ParquetRow> {
  const cells = part.cells.map(cellsOf);
  for (let at = 0; at < part.rows; at++) {
    const row: Record<string, unknown> = {};
    for (const [column, name] of columns.entries()) row[name] = cells[column]?.[at];
    yield row;
  }
}

function cellsOf(cells: Cells): ArrayLike<unknown> {
  if (cells.kind !== "lists") return cells.values;
  let at = 0;
  return Array.from(cells.lengths, (length) => {
    at += length;
    return cells.values.subarray(at - length, at);
  });
}

/**
 * Writes columns as parquet (Snappy, but for vectors), atomically, so that pyarrow reads `string`, `double`, `list<double>`
 * and so on, also when there is no row. All columns must have the same length. One row group after the other: memory does
 * not grow with the rows beyond what `columns` hold themselves.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function writeParquet(path: string, columns: readonly ParquetColumn[]): Promise<void> {
  await writeAtomic(path, parquetPieces(groupsOf(columns)));
}

/** Writes like `writeParquet` groups of rows as they come, all with the columns of the first; there must be one, if without rows. */
export async function writeParquetGroups(path: string, groups: AsyncIterable<readonly ParquetColumn[]>): Promise<void> {
  await writeAtomic(path, parquetPieces(groups));
}

type Groups = Iterable<readonly ParquetColumn[]> | AsyncIterable<readonly ParquetColumn[]>;

/** Snappy takes a quarter off vectors; with the look for values that come twice and for the least, half the time goes into that. */
const vectorColumn = { codec: "UNCOMPRESSED", encoding: "PLAIN", statistics: false } as const;

async function* parquetPieces(groups: Groups): AsyncGenerator<Uint8Array> {
  const { ByteWriter, ParquetWriter } = await import("hyparquet-writer");
  const writer = new ByteWriter();
  let file: InstanceType<typeof ParquetWriter> | undefined;
  for await (const columns of groups) {
    const schema = [{ name: "schema", num_children: columns.length }, ...columns.flatMap(schemaOf)];
    file ??= new ParquetWriter({ writer, schema });
    const rowGroupSize = columns[0]?.values.length ?? 0;
    if (rowGroupSize === 0) continue;
    const columnData = columns.map(({ name, type, values }) => ({
      name,
      ...(type === "double_list" ? vectorColumn : {}),
      data: Array.from({ length: rowGroupSize }, (_, row) => values.at(row)),
    }));
    file.write({ columnData, rowGroupSize });
    yield writer.getBytes();
    writer.index = 0;
  }
  file?.finish();
  yield writer.getBytes();
}

/** The rows of columns by the groups that they are written in; without a row one empty group. */
export function* groupsOf(columns: readonly ParquetColumn[]): Generator<readonly ParquetColumn[]> {
  const rows = columns[0]?.values.length ?? 0;
  const most = groupSize(columns);
  let from = 0;
  do {
    const first = from;
    const to = Math.min(rows, first + (first === 0 ? Math.min(groupRows.first, most) : most));
    const slice = <Value>(values: Values<Value>) => ({
      length: to - first,
      at: (row: number) => values.at(first + row),
    });
    yield columns.map((column) => ({ ...column, values: slice<unknown>(column.values) }) as ParquetColumn);
    from = to;
  } while (from < rows);
}

function groupSize(columns: readonly ParquetColumn[]): number {
  const widths = columns.map((column) => (column.type === "double_list" ? (column.values.at(0)?.length ?? 0) : 0));
  return Math.max(1, Math.min(groupRows.most, Math.floor(groupNumbers / Math.max(1, ...widths))));
}

/** A text cell of a read row; numbers are written out, null and absent are empty. */
export function textCell(row: Readonly<Record<string, unknown>>, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

const leaves = {
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  double: { type: "DOUBLE" },
  int64: { type: "INT64" },
  uint64: { type: "INT64", converted_type: "UINT_64" },
  boolean: { type: "BOOLEAN" },
  timestamp: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
  json: { type: "BYTE_ARRAY", converted_type: "JSON" },
} as const satisfies Record<SingleKind, Partial<SchemaElement>>;

function schemaOf({ name, type }: ParquetColumn): SchemaElement[] {
  const element = leaves[type.replace(/_list$/, "") as SingleKind];
  if (!type.endsWith("_list")) return [{ name, ...element, repetition_type: "OPTIONAL" }];
  return [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", ...element, repetition_type: "OPTIONAL" },
  ];
}
