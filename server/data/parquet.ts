import type { SchemaElement } from "hyparquet";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readBytes } from "../fs/read.ts";

/** One column to write: a name and values of one kind. */
export type ParquetColumn =
  | { readonly name: string; readonly type: "string"; readonly values: readonly string[] }
  | { readonly name: string; readonly type: "double"; readonly values: readonly number[] }
  | { readonly name: string; readonly type: "double_list"; readonly values: readonly (readonly number[])[] };

export type ParquetTable = {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
};

/**
 * Reads a parquet file whole: strings, numbers and number lists as JavaScript values, null cells as null.
 *
 * Column types of a file without rows carry no meaning (pandas writes null or double there), so only names are given.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`.
 */
export async function readParquet(path: string): Promise<ParquetTable> {
  // The libraries are loaded on first use: most commands and the server's start need none of them.
  const [{ parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const bytes = await readBytes(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = topLevelColumns(metadata.schema);
    if (metadata.num_rows === 0n) return { columns, rows: [] };
    return { columns, rows: await parquetReadObjects({ file, metadata, compressors }) };
  } catch (error) {
    throw new Refusal("input.bad-parquet", `${path} is not a readable parquet file.`, { path }, { cause: error });
  }
}

/**
 * Writes columns as parquet (Snappy), atomically, so that pyarrow reads `string`, `double` and `list<double>`, also
 * when there is no row. All columns must have the same length.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function writeParquet(path: string, columns: readonly ParquetColumn[]): Promise<void> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const file = parquetWriteBuffer({
    columnData: columns.map(({ name, values }) => ({ name, data: [...values] })),
    schema: [{ name: "schema", num_children: columns.length }, ...columns.flatMap(schemaOf)],
  });
  await writeAtomic(path, new Uint8Array(file));
}

/** A text cell of a read row; numbers are written out, null and absent are empty. */
export function textCell(row: Readonly<Record<string, unknown>>, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? "" : String(value);
}

/** A number list of a read row, or undefined when the cell holds none. */
export function listCell(row: Readonly<Record<string, unknown>>, column: string): readonly number[] | undefined {
  const value = row[column];
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return undefined;
  const numbers = Array.from(value as ArrayLike<unknown>, Number);
  return numbers.every(Number.isFinite) ? numbers : undefined;
}

function schemaOf(column: ParquetColumn): SchemaElement[] {
  const { name } = column;
  switch (column.type) {
    case "string":
      return [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }];
    case "double":
      return [{ name, type: "DOUBLE", repetition_type: "OPTIONAL" }];
    case "double_list":
      return [
        { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", type: "DOUBLE", repetition_type: "OPTIONAL" },
      ];
  }
}

function topLevelColumns(schema: readonly SchemaElement[]): string[] {
  const names: string[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at]?.num_children ?? 0); child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < schema.length; at = skip(at)) names.push(schema[at]?.name ?? "");
  return names;
}
