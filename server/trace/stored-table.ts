import { createHash } from "node:crypto";
import { z } from "zod";
import { type ColumnKind, type ParquetColumn, scanParquet, writeParquet, writeParquetGroups } from "../data/parquet.ts";
import { parseJson } from "../fs/json.ts";
import { createLineFile } from "../fs/line-file.ts";
import { linesIn } from "../fs/lines.ts";
import { type Aside, readAside, type Writer } from "./aside.ts";
import {
  type Change,
  cellText,
  columnKinds,
  kindWith,
  restoredCell,
  type SeenKind,
  settledKind,
} from "./stored-cell.ts";

export const isParquet = (path: string): boolean => /\.parquet$/i.test(path);

/** Longest text of a table that is kept: what one JSON text may be, less than a process bears. */
const longestTable = 32 * 1024 * 1024;

/**
 * The columns of a parquet file as JSON text with names, and its sha256. Column by column: of a table of any length only
 * the text is in memory, and that only up to `longest` characters; beyond it `json` is absent. Without `vectors` a column
 * of embeddings is passed over.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`.
 */
export async function readTable(
  path: string,
  change: Change,
  { longest = longestTable, vectors: withVectors = true } = {},
): Promise<{ readonly sha256: string; readonly json?: string }> {
  const hash = createHash("sha256");
  let [json, length] = ["", 0];
  const write = (text: string) => {
    hash.update(text);
    length += text.length;
    json = length <= longest ? json + text : "";
  };
  const names = await columnNames(path);
  const columns = await columnsOf(path, withVectors ? names : names.filter((name) => name !== vectors));
  write("[");
  for (const [at, { name, kind }] of columns.entries()) {
    write(`${at > 0 ? "," : ""}{"name":${JSON.stringify(change(name))},"type":"${kind}","values":[`);
    let row = 0;
    await scanParquet(path, ({ [name]: cell }) => write(`${row++ > 0 ? "," : ""}${cellText(cell, kind, change)}`), [
      name,
    ]);
    write("]}");
  }
  write("]");
  return { sha256: hash.digest("hex"), ...(length <= longest ? { json } : {}) };
}

const columnNames = (path: string) => scanParquet(path, () => undefined, []);

/** Columns with the kind that all their cells have. */
async function columnsOf(path: string, names: readonly string[]) {
  const seen: SeenKind[] = names.map(() => undefined);
  await scanParquet(
    path,
    (row) => {
      for (const [at, name] of names.entries()) seen[at] = kindWith(seen[at], row[name]);
    },
    names,
  );
  return names.map((name, at) => ({ name, kind: settledKind(seen[at]) }));
}

const table = z.array(z.object({ name: z.string(), type: z.enum(columnKinds), values: z.array(z.unknown()) }));

/** Writes a table from the value of such a text. What is of another shape is thrown as it is. */
export async function restoreTable(path: string, value: unknown, change: Change): Promise<void> {
  const columns = table.parse(value).map(({ name, type, values }) => {
    const isUnsigned = isWhole(type) && values.some(isBeyondSigned);
    return columnOf({ name, type, isUnsigned }, values, change);
  });
  await writeParquet(path, columns);
}

type StoredColumn = { readonly name: string; readonly type: ColumnKind; readonly isUnsigned: boolean };

function columnOf({ name, type, isUnsigned }: StoredColumn, values: readonly unknown[], change: Change): ParquetColumn {
  const cells = values.map((value) => restoredCell(value, type, change));
  return { name: change(name), type: isUnsigned ? `u${type}` : type, values: cells } as ParquetColumn;
}

const isWhole = (type: ColumnKind): boolean => type.startsWith("int64");

/** Whether a cell of whole numbers has one that only unsigned numbers of 64 bits have; of what is no such cell it says nothing. */
function isBeyondSigned(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isBeyondSigned);
  return typeof value === "string" && /^\d{19,}$/.test(value) && BigInt(value) >= 2n ** 63n;
}

/** The one column that no line holds: of vectors a trace has what the loop read of them. */
const vectors = "embedding";

/**
 * What writes the rows of a table of any length as lines of JSON with names, below a line with the name and the kind of
 * each column; undefined for a table of embeddings.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`, also where the lines are written.
 */
export async function tableRows(path: string, change: Change): Promise<Writer | undefined> {
  const names = await columnNames(path);
  if (names.includes(vectors)) return undefined;
  const columns = await columnsOf(path, names);
  return async (file) => {
    const lines = createLineFile(file);
    try {
      let text = JSON.stringify(columns.map(({ name, kind }) => [change(name), kind]));
      await scanParquet(path, (row) => {
        if (text.length > gatheredCharacters) {
          lines?.append(text);
          text = "";
        }
        text += `${text === "" ? "" : "\n"}[${columns.map(({ name, kind }) => cellText(row[name], kind, change)).join(",")}]`;
      });
      lines?.append(text);
    } finally {
      lines?.close();
    }
  };
}

/** Characters of the lines that are written at once. */
const gatheredCharacters = 1 << 16;

const header = z.array(z.tuple([z.string(), z.enum(columnKinds)]));
const cells = z.array(z.unknown());
/** Characters of the lines that become one group of rows. */
const groupCharacters = 1 << 23;

/** Writes a table from such lines. @throws Refusal `trace.unusable`; what they hold of another shape is thrown as it is. */
export async function restoreRows(path: string, file: Aside, change: Change): Promise<void> {
  await writeParquetGroups(path, groupsIn(file, await storedColumns(file), change));
}

/** The columns of such lines. Whether one is unsigned any of its rows may tell, and the first group of rows has to know. */
async function storedColumns(file: Aside): Promise<readonly StoredColumn[]> {
  let columns: { name: string; type: ColumnKind; isUnsigned: boolean }[] | undefined;
  for await (const { value } of valuesIn(file)) {
    if (columns === undefined) {
      columns = header.parse(value).map(([name, type]) => ({ name, type, isUnsigned: false }));
      if (!columns.some(({ type }) => isWhole(type))) break;
    } else {
      const row = cells.length(columns.length).parse(value);
      for (const [at, column] of columns.entries()) {
        if (isWhole(column.type)) column.isUnsigned ||= isBeyondSigned(row[at]);
      }
    }
  }
  return columns ?? [];
}

async function* groupsIn(
  file: Aside,
  columns: readonly StoredColumn[],
  change: Change,
): AsyncGenerator<ParquetColumn[]> {
  let [rows, characters]: [unknown[][], number] = [[], 0];
  const group = (): ParquetColumn[] => {
    const made = columns.map((column, at) =>
      columnOf(
        column,
        rows.map((row) => row[at]),
        change,
      ),
    );
    [rows, characters] = [[], 0];
    return made;
  };
  let isHeader = true;
  for await (const { value, length } of valuesIn(file)) {
    if (!isHeader) rows.push(cells.length(columns.length).parse(value));
    isHeader = false;
    characters += length;
    if (characters > groupCharacters) yield group();
  }
  yield group();
}

async function* valuesIn(file: Aside): AsyncGenerator<{ readonly value: unknown; readonly length: number }> {
  for await (const piece of readAside(file)) {
    for (const [line] of linesIn(piece)) yield { value: parseJson(line), length: line.length };
  }
}
