import { createHash } from "node:crypto";
import { z } from "zod";
import { type ColumnKind, type ParquetColumn, scanParquet, writeParquet, writeParquetGroups } from "../data/parquet.ts";
import { parseJson } from "../fs/json.ts";
import { createLineFile } from "../fs/line-file.ts";
import { linesIn } from "../fs/lines.ts";
import { type Aside, readAside, type Writer } from "./aside.ts";
import { type Change, cellText, columnKinds, isList, kindOf, kindOfNothing, restoredCell } from "./stored-cell.ts";

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
  const columns = (await scanParquet(path, () => undefined, [])).filter((name) => withVectors || name !== vectors);
  write("[");
  for (const [at, name] of columns.entries()) {
    const column = columnWriter(change(name), change, write);
    if (at > 0) write(",");
    await scanParquet(path, (row) => column.cell(row[name]), [name]);
    column.end();
  }
  write("]");
  return { sha256: hash.digest("hex"), ...(length <= longest ? { json } : {}) };
}

/** Writes one column as JSON. Its kind is that of the first cell that has one. */
function columnWriter(name: string, change: Change, write: (text: string) => void) {
  let kind: ColumnKind | undefined;
  /** Cells before, which are null or lists of nothing. */
  let before: unknown[] = [];
  let count = 0;
  const put = (cell: unknown, of: ColumnKind) => write(`${count++ === 0 ? "" : ","}${cellText(cell, of, change)}`);
  const begin = (of: ColumnKind) => {
    kind = of;
    write(`{"name":${JSON.stringify(name)},"type":"${of}","values":[`);
    for (const cell of before) put(cell, of);
    before = [];
  };
  return {
    cell(cell: unknown): void {
      if (kind === undefined) {
        const found = kindOf(cell);
        if (found === undefined) return void before.push(cell);
        begin(found);
      }
      put(cell, kind as ColumnKind);
    },
    end(): void {
      if (kind === undefined) begin(kindOfNothing(before.some(isList)));
      write("]}");
    },
  };
}

const table = z.array(z.object({ name: z.string(), type: z.enum(columnKinds), values: z.array(z.unknown()) }));

/** Writes a table from the value of such a text. What is of another shape is thrown as it is. */
export async function restoreTable(path: string, value: unknown, change: Change): Promise<void> {
  await writeParquet(
    path,
    table.parse(value).map(({ name, type, values }) => columnOf([name, type], values, change)),
  );
}

function columnOf([name, type]: [string, ColumnKind], values: readonly unknown[], change: Change): ParquetColumn {
  const cells = values.map((value) => restoredCell(value, type, change));
  const isUnsigned =
    type.startsWith("int64") && cells.flat().some((cell) => ((cell as bigint | null) ?? 0n) >= 2n ** 63n);
  return { name: change(name), type: isUnsigned ? `u${type}` : type, values: cells } as ParquetColumn;
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
  const names = await scanParquet(path, () => undefined, []);
  if (names.includes(vectors)) return undefined;
  const kinds = new Map<string, ColumnKind>();
  const lists = new Set<string>();
  await scanParquet(path, (row) => {
    for (const name of names) {
      if (kinds.has(name)) continue;
      const kind = kindOf(row[name]);
      if (kind !== undefined) kinds.set(name, kind);
      else if (isList(row[name])) lists.add(name);
    }
  });
  const columns = names.map((name) => ({ name, kind: kinds.get(name) ?? kindOfNothing(lists.has(name)) }));
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
  await writeParquetGroups(path, groupsIn(file, change));
}

async function* groupsIn(file: Aside, change: Change): AsyncGenerator<ParquetColumn[]> {
  let columns: z.infer<typeof header> | undefined;
  let [rows, characters]: [unknown[][], number] = [[], 0];
  const group = (): ParquetColumn[] => {
    const made = (columns ?? []).map((column, at) =>
      columnOf(
        column,
        rows.map((row) => row[at]),
        change,
      ),
    );
    [rows, characters] = [[], 0];
    return made;
  };
  for await (const piece of readAside(file)) {
    for (const [line] of linesIn(piece)) {
      const value = parseJson(line);
      if (columns === undefined) columns = header.parse(value);
      else rows.push(cells.length(columns.length).parse(value));
      characters += line.length;
      if (characters > groupCharacters) yield group();
    }
  }
  yield group();
}
