import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from "hyparquet";
import { parquetHeader, readPage } from "hyparquet/src/column.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { parquetSchema } from "hyparquet/src/metadata.js";
import { readPlain } from "hyparquet/src/plain.js";
import { getMaxDefinitionLevel, getTreePath } from "hyparquet/src/schema.js";
import type { ParquetFile } from "./parquet-file.ts";

/** One page of a column of number lists: its values as they follow, and where rows begin. */
export type ListPage = {
  /** Values of the page; a null one is no number. */
  readonly values: Float64Array;
  /** For each row that begins in the page the values before it; values before the first belong to an earlier row. */
  readonly starts: Uint32Array;
};

/** Enough for the header of a page and most pages. */
const window = 1 << 20;

type Column = { readonly meta: ColumnMetaData; readonly path: SchemaTree[]; readonly decoder: Decoder };
type Decoder = Parameters<typeof readPage>[2];

/** The leaf below a top-level column when it holds numbers in lists of one level; undefined for any other shape. */
export function numberListPath(parquet: ParquetFile, name: string): string[] | undefined {
  const top = parquetSchema(parquet.metadata).children.find(({ element }) => element.name === name);
  const middle = top?.children[0];
  const leaf = middle?.children[0];
  if (top?.children.length !== 1 || middle?.element.repetition_type !== "REPEATED") return undefined;
  if (middle.children.length !== 1 || leaf === undefined || leaf.children.length > 0) return undefined;
  const plain = leaf.element.type === "DOUBLE" || leaf.element.type === "FLOAT";
  return plain && leaf.element.repetition_type !== "REPEATED" ? leaf.path : undefined;
}

/** Values of a flat column of one row group, page by page. */
export async function* flatPages(parquet: ParquetFile, group: number, name: string): AsyncGenerator<DecodedArray> {
  const column = columnOf(parquet, group, [name]);
  let dictionary: DecodedArray | undefined;
  for await (const { header, bytes } of pagesOf(parquet, column.meta)) {
    if (header.type === "DICTIONARY_PAGE") {
      dictionary = dictionaryOf(column, header, bytes);
      continue;
    }
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    yield readPage(reader, header, column.decoder, dictionary, undefined, 0).data ?? [];
  }
}

/** Values of a column of number lists of one row group, page by page. */
export async function* listPages(parquet: ParquetFile, group: number, path: string[]): AsyncGenerator<ListPage> {
  const column = columnOf(parquet, group, path);
  const most = getMaxDefinitionLevel(column.path);
  const nullElements = column.path.at(-1)?.element.repetition_type === "OPTIONAL";
  let dictionary: DecodedArray | undefined;
  for await (const { header, bytes } of pagesOf(parquet, column.meta)) {
    if (header.type === "DICTIONARY_PAGE") {
      dictionary = dictionaryOf(column, header, bytes);
      continue;
    }
    const { page, encoding } = dataPageOf(column, header, bytes);
    const values = convertWithDictionary(page.dataPage, dictionary, encoding, column.decoder);
    yield listPage(values as ArrayLike<number>, page, { most, nullElements });
  }
}

type Levels = { readonly definitionLevels: number[] | undefined; readonly repetitionLevels: number[] };

function listPage(
  values: ArrayLike<number>,
  { definitionLevels, repetitionLevels }: Levels,
  { most, nullElements }: { readonly most: number; readonly nullElements: boolean },
): ListPage {
  const defined = definitionLevels?.length ? definitionLevels : undefined;
  const all = new Float64Array(repetitionLevels.length);
  const starts = new Uint32Array(repetitionLevels.length);
  let [rows, filled, next] = [0, 0, 0];
  if (defined === undefined) all.set(values);
  for (let at = 0; at < repetitionLevels.length; at++) {
    if (repetitionLevels[at] === 0) starts[rows++] = defined === undefined ? at : filled;
    if (defined === undefined) continue;
    if (defined[at] === most) all[filled++] = values[next++] as number;
    else if (nullElements && defined[at] === most - 1) all[filled++] = Number.NaN;
  }
  const length = defined === undefined ? repetitionLevels.length : filled;
  return { values: all.subarray(0, length), starts: starts.subarray(0, rows) };
}

function columnOf(parquet: ParquetFile, group: number, path: string[]): Column {
  const chunks = parquet.metadata.row_groups[group]?.columns ?? [];
  const meta = chunks.find(({ meta_data }) => meta_data?.path_in_schema.join("\n") === path.join("\n"))?.meta_data;
  if (meta === undefined) throw new Error(`row group ${group} lacks ${path.join(".")}`);
  const tree = getTreePath(parquetSchema(parquet.metadata), path);
  const element = tree.at(-1)?.element;
  if (element === undefined) throw new Error(`${path.join(".")} is not described`);
  const { type, codec } = meta;
  const { compressors } = parquet;
  const decoder = { pathInSchema: path, type, element, schemaPath: tree, codec, parsers: DEFAULT_PARSERS, compressors };
  return { meta, path: tree, decoder };
}

function dictionaryOf({ decoder }: Column, header: PageHeader, bytes: Uint8Array): DecodedArray {
  const { codec, compressors, type, element } = decoder;
  const page = decompressPage(bytes, Number(header.uncompressed_page_size), codec, compressors);
  const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
  const count = header.dictionary_page_header?.num_values ?? 0;
  return convert(readPlain(reader, type, count, element.type_length), decoder);
}

function dataPageOf({ decoder }: Column, header: PageHeader, bytes: Uint8Array) {
  const { data_page_header: first, data_page_header_v2: second } = header;
  if (second !== undefined) return { page: readDataPageV2(bytes, header, decoder), encoding: second.encoding };
  if (first === undefined) throw new Error(`unsupported page type ${header.type}`);
  const page = decompressPage(bytes, Number(header.uncompressed_page_size), decoder.codec, decoder.compressors);
  return { page: readDataPage(page, first, decoder), encoding: first.encoding };
}

/** The pages of a column chunk, of which no more than one and a window are in memory. */
async function* pagesOf({ file }: ParquetFile, meta: ColumnMetaData) {
  const begin = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const end = begin + Number(meta.total_compressed_size);
  const total = Number(meta.num_values);
  let bytes = new Uint8Array();
  let position = begin;
  const more = async (length: number): Promise<void> => {
    const from = position + bytes.length;
    if (from >= end) throw new Error("the column ends in the middle of a page");
    const next = new Uint8Array(await file.slice(from, Math.min(end, from + Math.max(window, length))));
    if (next.length === 0) throw new Error("the file ends in the middle of a page");
    const joined = new Uint8Array(bytes.length + next.length);
    joined.set(bytes);
    joined.set(next, bytes.length);
    bytes = joined;
  };
  for (let seen = 0; seen < total && position < end; ) {
    const { header, length } = await headerOf(() => bytes, more);
    while (bytes.length < length + header.compressed_page_size) {
      await more(length + header.compressed_page_size - bytes.length);
    }
    const stop = length + header.compressed_page_size;
    yield { header, bytes: bytes.subarray(length, stop) };
    seen += (header.data_page_header ?? header.data_page_header_v2)?.num_values ?? 0;
    bytes = bytes.subarray(stop);
    position += stop;
  }
}

/** Reads the header of the next page, and more of the file when what is there is too short for it. */
async function headerOf(bytes: () => Uint8Array, more: (length: number) => Promise<void>) {
  for (;;) {
    const here = bytes();
    const reader = { view: new DataView(here.buffer, here.byteOffset, here.byteLength), offset: 0 };
    try {
      if (here.length > 0) {
        const header = parquetHeader(reader);
        if (header.compressed_page_size < 0) throw new Error("a page of negative size");
        return { header, length: reader.offset };
      }
    } catch (error) {
      if (here.length >= window) throw error;
    }
    await more(window);
  }
}
