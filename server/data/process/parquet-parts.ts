import type { FileMetaData } from "hyparquet";
import { withParquet } from "./parquet-file.ts";

/** The cells of one column over some rows; numbers and number lists lie packed, so that they travel as bytes. */
export type Cells =
  | { readonly kind: "numbers"; readonly values: Float64Array }
  | { readonly kind: "lists"; readonly values: Float64Array; readonly lengths: Uint32Array }
  | { readonly kind: "any"; readonly values: readonly unknown[] };

/** First the columns that are read, and all that there are; then the rows by pieces. */
export type ParquetPart =
  | { readonly columns: readonly string[]; readonly all: readonly string[] }
  | { readonly rows: number; readonly cells: Cells[] };

/** Cells of one message. */
const pieceCells = 1_000_000;

/** Reads a parquet file row group by row group, all columns or some. @throws Refusal like `withParquet`. */
export function parquetParts(path: string, asked?: readonly string[]): AsyncGenerator<ParquetPart> {
  return withParquet(path, async function* ({ file, metadata, columns: all, compressors }) {
    const columns = all.filter((name) => asked?.includes(name) ?? true);
    yield { columns, all };
    if (metadata.num_rows === 0n || columns.length === 0) return;
    const { parquetReadObjects } = await import("hyparquet");
    for (const [rowStart, rowEnd] of groupsOf(metadata)) {
      const rows = await parquetReadObjects({ file, metadata, compressors, columns, rowStart, rowEnd });
      yield* pieces(columns, rows);
    }
  });
}

function* pieces(columns: readonly string[], rows: readonly Record<string, unknown>[]): Generator<ParquetPart> {
  const width = columns.reduce((sum, name) => sum + (lengthOf(rows[0]?.[name]) ?? 1), 0);
  const step = Math.max(1, Math.floor(pieceCells / Math.max(1, width)));
  for (let from = 0; from < rows.length; from += step) {
    const piece = rows.slice(from, from + step);
    yield { rows: piece.length, cells: columns.map((name) => packed(piece.map((row) => row[name]))) };
  }
}

function packed(values: readonly unknown[]): Cells {
  if (values.every((value) => typeof value === "number")) {
    return { kind: "numbers", values: Float64Array.from(values as readonly number[]) };
  }
  if (!values.every(isNumberList)) return { kind: "any", values };
  const lists = values as readonly ArrayLike<number>[];
  const lengths = Uint32Array.from(lists, (list) => list.length);
  const all = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return { kind: "lists", values: all, lengths };
}

function isNumberList(value: unknown): boolean {
  if (ArrayBuffer.isView(value)) return value instanceof Float32Array || value instanceof Float64Array;
  return Array.isArray(value) && value.every((one) => typeof one === "number");
}

function lengthOf(value: unknown): number | undefined {
  return Array.isArray(value) || ArrayBuffer.isView(value) ? (value as ArrayLike<unknown> & object).length : undefined;
}

function* groupsOf(metadata: FileMetaData): Generator<[number, number]> {
  let from = 0;
  for (const { num_rows } of metadata.row_groups) {
    const to = from + Number(num_rows);
    if (to > from) yield [from, to];
    from = to;
  }
}
