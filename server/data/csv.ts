import { TextDecoder } from "node:util";
import { excerpt, type Facts, Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readChunks } from "../fs/chunks.ts";
import { CsvFault, csvScanner, type OnRecord } from "./csv-scanner.ts";

/** A CSV file in memory: cells as written, one array a row, in the order of `header`. */
export type Table = {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Physical line on which each row starts; the header is line 1. */
  readonly lines: readonly number[];
  /** Whether the file opened with a byte order mark (tolerated here; TAO's own loader would not find column 1). */
  readonly bom: boolean;
};

/** A table of the loop has about 20 columns. */
const mostColumns = 1000;
/** Rows of a table that is held in memory, a gigabyte a million; who has more of both starts the server with a higher one. */
export const mostRows = (): number => {
  const asked = Number(process.env.DEFT_TABLE_ROWS);
  return Number.isInteger(asked) && asked > 0 ? asked : 1_000_000;
};

/** Of a larger piece the collector would move the cells about before they are done with: twice the time, three times the memory. */
const pieceSize = 1 << 16;

export type TableFacts = { readonly header: readonly string[]; readonly rows: number; readonly bom: boolean };

/**
 * Reads a UTF-8, comma separated file with a header row. For files of any size prefer `scanTable`.
 *
 * @throws Refusal `input.unreadable-file` for a directory, a FIFO, a missing file or no permission.
 * @throws Refusal `input.bad-csv` naming the line: UTF-16, NUL, other delimiter, duplicate column names, ragged rows,
 * an open quote, a row beyond 1 MiB, no header.
 * @throws Refusal `input.too-many-rows` naming the limit and what sets it.
 */
export async function readTable(path: string): Promise<Table> {
  const limit = mostRows();
  const rows: string[][] = [];
  const lines: number[] = [];
  const { header, bom } = await scanTable(path, () => (cells, line) => {
    if (rows.length === limit) throw tooManyRows(path, limit);
    rows.push(cells);
    lines.push(line);
  });
  return { header, rows, lines, bom };
}

/**
 * Reads like `readTable`, but hands out row by row and keeps nothing, so that memory does not grow with the file.
 *
 * `open` gets the header and returns what is called for each row with its cells and its physical line; `seen` gets the
 * bytes of the file as they are read.
 */
export async function scanTable(
  path: string,
  open: (header: readonly string[]) => OnRecord,
  seen: (bytes: Uint8Array) => void = () => {},
): Promise<TableFacts> {
  const scan = scanPieces(path, open, seen);
  for (;;) {
    const piece = await scan.next();
    if (piece.done) return piece.value;
  }
}

/** Rows of a table, each read and checked. @throws what `scanTable` throws. */
export async function countRows(path: string): Promise<number> {
  return (await scanTable(path, () => () => undefined)).rows;
}

/** One row of a file that is read as it goes; `line` is the physical line on which it starts. */
export type TableRow = { readonly header: readonly string[]; readonly cells: readonly string[]; readonly line: number };

/**
 * Reads like `scanTable`, for whoever waits for something at a row: never more than the rows of one piece of the file is
 * in memory. What is wrong with a row is thrown before any row of its piece.
 */
export async function* tableRows(path: string): AsyncGenerator<TableRow, void, undefined> {
  let read: TableRow[] = [];
  const scan = scanPieces(path, (header) => (cells, line) => read.push({ header, cells, line }));
  for await (const _piece of scan) {
    yield* read;
    read = [];
  }
  yield* read;
}

/** Pauses after each piece of the file. */
async function* scanPieces(
  path: string,
  open: (header: readonly string[]) => OnRecord,
  seen: (bytes: Uint8Array) => void = () => {},
): AsyncGenerator<void, TableFacts, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const sink = tableSink(path, open);
  const scanner = csvScanner(sink.record);
  let bom = false;
  let first = true;
  try {
    for await (const chunk of readChunks(path, pieceSize)) {
      let bytes = chunk;
      seen(chunk);
      if (first) {
        refuseUtf16(path, bytes);
        bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
        if (bom) bytes = bytes.subarray(3);
        first = false;
      }
      scanner.push(decode(path, decoder, bytes, true));
      yield;
    }
    scanner.push(decode(path, decoder, new Uint8Array(0), false));
    scanner.end();
  } catch (error) {
    if (error instanceof CsvFault) throw badCsv(path, `line ${error.line}: ${error.message}`, { line: error.line });
    throw error;
  }
  return { ...sink.finish(), bom };
}

/** One cell, quoted only where it must be. */
function csvCell(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** The text of a CSV file in pieces: header, rows, LF after each. A row of one empty cell is quoted, else it would vanish. */
export function* csvPieces(header: readonly string[], rows: Iterable<readonly string[]>): Generator<string> {
  let text = csvLine(header);
  for (const cells of rows) {
    if (text.length > pieceSize) {
      yield text;
      text = "";
    }
    text += csvLine(cells);
  }
  yield text;
}

/** The text of a CSV file in pieces, of rows that come one by one, the header first. */
async function* csvPiecesOf(rows: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  let text = "";
  for await (const cells of rows) {
    if (text.length > pieceSize) {
      yield text;
      text = "";
    }
    text += csvLine(cells);
  }
  yield text;
}

/** Writes a table atomically: UTF-8, no byte order mark, LF, minimal quotes. @throws Refusal `input.write-failed`. */
export async function writeTable(
  path: string,
  header: readonly string[],
  rows: Iterable<readonly string[]>,
): Promise<void> {
  await writeAtomic(path, csvPieces(header, rows));
}

/** Writes a table like `writeTable`, row by row as they come, the header first; what the rows throw leaves no file. */
export async function writeRows(path: string, rows: AsyncIterable<readonly string[]>): Promise<void> {
  await writeAtomic(path, csvPiecesOf(rows));
}

/** @throws Refusal `input.too-many-rows` where more rows are to be held in memory than is promised for. */
export function refuseTooMany(path: string, rows: number): void {
  if (rows > mostRows()) throw tooManyRows(path, mostRows());
}

function tooManyRows(path: string, limit: number): Refusal {
  const facts = { path, limit, setting: "DEFT_TABLE_ROWS" };
  return new Refusal(
    "input.too-many-rows",
    `${path} has more than ${limit} rows, and this step holds all of them.`,
    facts,
  );
}

/** The refusal of a file that is no usable table; `detail` begins with the line where there is one. */
export function badCsv(path: string, detail: string, facts: Facts = {}, options?: ErrorOptions): Refusal {
  return new Refusal("input.bad-csv", `${path}, ${detail}.`, { path, ...facts }, options);
}

function csvLine(cells: readonly string[]): string {
  return cells.length === 1 && cells[0] === "" ? '""\n' : `${cells.map(csvCell).join(",")}\n`;
}

function tableSink(path: string, open: (header: readonly string[]) => OnRecord) {
  let header: readonly string[] | undefined;
  let onRow: OnRecord = () => undefined;
  let rows = 0;
  return {
    record(cells: string[], line: number): void {
      if (header === undefined) {
        header = checkedHeader(path, cells);
        onRow = open(header);
        return;
      }
      if (cells.length !== header.length) {
        const detail = `line ${line}: ${cells.length} cells where the header has ${header.length}`;
        throw badCsv(path, detail, { line, cells: cells.length, columns: header.length });
      }
      rows++;
      onRow(cells, line);
    },
    finish(): { header: readonly string[]; rows: number } {
      if (header === undefined) throw badCsv(path, "line 1: the file is empty");
      return { header, rows };
    },
  };
}

function checkedHeader(path: string, cells: readonly string[]): readonly string[] {
  if (cells.length > mostColumns || cells.includes("__proto__")) {
    const facts = { line: 1, columns: cells.length, limit: mostColumns };
    throw badCsv(path, "line 1: the header has too many columns, or one that no row can hold", facts);
  }
  const seen = new Set<string>();
  for (const name of cells) {
    if (seen.has(name)) {
      throw badCsv(path, "line 1: two columns have the same name", { line: 1, column: excerpt(name) });
    }
    seen.add(name);
  }
  const [only] = cells;
  if (cells.length === 1 && only !== undefined && /[;\t|]/.test(only)) {
    throw badCsv(path, "line 1: the columns are not separated by commas", { line: 1, header: excerpt(only) });
  }
  return cells;
}

function refuseUtf16(path: string, bytes: Uint8Array): void {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw badCsv(path, "line 1: the file is UTF-16; save it as UTF-8", { line: 1 });
  }
}

function decode(path: string, decoder: TextDecoder, bytes: Uint8Array, stream: boolean): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch (error) {
    throw badCsv(path, "the text is not valid UTF-8; save it as UTF-8", {}, { cause: error });
  }
}
