import type { DecodedArray } from "hyparquet";
import { flatPages, listPages, numberListPath } from "./column-pages.ts";
import { type ParquetFile, withParquet } from "./parquet-file.ts";

/** Some rows of a table of embeddings, one after the other. */
export type VectorBatch = {
  /** Index of the first row. */
  readonly first: number;
  readonly filepaths: readonly string[];
  readonly labels: readonly string[];
  /** Length of the vector of each row, 0 for one without a usable vector. */
  readonly lengths: Uint32Array;
  /** The vectors of all rows with a usable one, one after the other. */
  readonly values: Float64Array<ArrayBuffer>;
};

export type VectorTable = { readonly columns: readonly string[]; readonly rows: number };

/** Values of one batch: few enough for several to be in memory, enough to be worth a message. */
const batchValues = 128 * 1024;

export type VectorColumn = "filepath" | "label" | "embedding";

/** First what the table has, then its rows by batches; without a column none. @throws Refusal like `withParquet`. */
export function vectorBatches(path: string, columns: readonly VectorColumn[]) {
  return withParquet<VectorTable | VectorBatch>(path, async function* (parquet) {
    yield { columns: parquet.columns, rows: Number(parquet.metadata.num_rows) };
    if (columns.length === 0) return;
    let first = 0;
    for (const [group, { num_rows }] of parquet.metadata.row_groups.entries()) {
      const rows = Number(num_rows);
      const paths = texts(parquet, group, "filepath", columns);
      const labels = texts(parquet, group, "label", columns);
      for await (const { lengths, values } of vectorsOf(parquet, group, columns.includes("embedding"), rows)) {
        const [filepaths, names] = [await paths(lengths.length), await labels(lengths.length)];
        yield { first, filepaths, labels: names, lengths, values };
        first += lengths.length;
      }
    }
  });
}

/** The column `filepath` by batches; none where there is no such column. @throws Refusal like `withParquet`. */
export async function* pathsOf(path: string): AsyncGenerator<readonly string[]> {
  for await (const found of vectorBatches(path, ["filepath"])) {
    if ("first" in found) yield found.filepaths;
    else if (!found.columns.includes("filepath")) return;
  }
}

type Rows = Pick<VectorBatch, "lengths" | "values">;

async function* vectorsOf(parquet: ParquetFile, group: number, wanted: boolean, rows: number): AsyncGenerator<Rows> {
  const path = wanted ? numberListPath(parquet, "embedding") : undefined;
  if (path === undefined) {
    const step = 65_536;
    for (let at = 0; at < rows; at += step) {
      yield { lengths: new Uint32Array(Math.min(step, rows - at)), values: new Float64Array() };
    }
    return;
  }
  let open = new Float64Array();
  let begun = false;
  let values: Float64Array[] = [];
  let lengths: number[] = [];
  let filled = 0;
  let told = 0;
  const close = (): void => {
    const usable = open.length > 0 && open.every(Number.isFinite);
    lengths.push(usable ? open.length : 0);
    if (usable) {
      values.push(open);
      filled += open.length;
    }
  };
  const batch = (): Rows => {
    const all = new Float64Array(filled);
    let at = 0;
    for (const one of values) {
      all.set(one, at);
      at += one.length;
    }
    const found = { lengths: Uint32Array.from(lengths), values: all };
    told += lengths.length;
    [values, lengths, filled] = [[], [], 0];
    return found;
  };
  for await (const page of listPages(parquet, group, path)) {
    const ends = [...page.starts, page.values.length];
    if (begun && (ends[0] as number) > 0) open = joined(open, page.values.subarray(0, ends[0]));
    for (let at = 0; at + 1 < ends.length; at++) {
      if (begun) close();
      open = page.values.subarray(ends[at], ends[at + 1]) as Float64Array<ArrayBuffer>;
      begun = true;
      if (filled >= batchValues) yield batch();
    }
  }
  if (begun) close();
  if (lengths.length > 0) yield batch();
  if (told !== rows) throw new Error(`a row group of ${rows} rows has ${told} vectors`);
}

function joined(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const all = new Float64Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** Takes the next cells of a text column; an absent column, or one that is not asked for, gives empty ones. */
function texts(parquet: ParquetFile, group: number, name: string, asked: readonly string[]) {
  const there = asked.includes(name) && parquet.columns.includes(name);
  const pages = there ? flatPages(parquet, group, name) : undefined;
  let page: DecodedArray = [];
  let at = 0;
  return async (count: number): Promise<string[]> => {
    const cells: string[] = [];
    while (cells.length < count) {
      if (pages === undefined) cells.push("");
      else if (at < page.length) {
        const cell: unknown = page[at++];
        cells.push(cell === null || cell === undefined ? "" : String(cell));
      } else {
        const next = await pages.next();
        if (next.done) throw new Error(`the column ${name} has too few rows`);
        [page, at] = [next.value, 0];
      }
    }
    return cells;
  };
}
