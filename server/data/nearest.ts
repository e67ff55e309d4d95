import type { MiningChoice } from "../kpi/mining-rule.ts";
import type { Metric } from "../kpi/nearest/comparer.ts";
import { createNumberList, createPackedList, createScoreList } from "./number-list.ts";
import { askOfParquet, eachPath } from "./parquet.ts";
import { createPathTable } from "./path-table.ts";
import type { AskedRows, EmbeddedPart, NearestRows, Progress, Similar, Tables } from "./process/nearest-work.ts";
import { createTextTable } from "./text-table.ts";

export type { NearestRows, Progress } from "./process/nearest-work.ts";

/** How a comparison is watched and ended before its time. */
export type Watch = { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal | undefined };

/** Rows of an embedding table in their order, each with the length of its vector; 0 without a usable one. */
export type EmbeddedRows = Omit<ReturnType<typeof embeddedRows>, "add">;

/** Rows that are added one by one: a few bytes each beside their paths, outside the heap. */
export function embeddedRows() {
  const [texts, paths, lengths] = [createPathTable(), createPackedList(), createPackedList()];
  return {
    add(filepath: string, length: number): void {
      paths.push(texts.numberOf(filepath));
      lengths.push(length);
    },
    get size() {
      return paths.length;
    },
    /** The same number for rows of one path, below `size`; -1 for a path that no row has. */
    find: (filepath: string): number => texts.find(filepath),
    *[Symbol.iterator]() {
      for (let at = 0; at < paths.length; at++) {
        yield { filepath: texts.at(paths.at(at)), number: paths.at(at), length: lengths.at(at) };
      }
    },
  };
}

/**
 * For each row of one table of embeddings (columns `filepath`, `embedding`, perhaps `label`) the `k` nearest rows of
 * another, exactly: nearest first, equally near ones in the order of their table. Cosine distances are of unit vectors.
 *
 * The tables are read by a second process, piece by piece, and compared on all processors: memory depends on the targets
 * and on `k`, not on the rows of the source.
 *
 * @throws Refusal `input.unreadable-file`; `input.bad-parquet` for a missing column, an unusable vector, or vectors that
 * differ in length; the reason of the signal.
 */
export async function findNearest(
  tables: Tables,
  asked: { readonly metric: Metric; readonly k: number },
  watch: Watch = {},
): Promise<NearestRows> {
  let found: unknown;
  await ask({ kind: "nearest", ...tables, ...asked }, tables, watch, (part) => {
    found = part;
  });
  return found as NearestRows;
}

/**
 * The rows of both tables, and of rows their nearest target and the cosine to it: of those that are asked for by path, or
 * of those that the choice takes, in its order (`server/kpi/mining-rule.ts`).
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`; the reason of the signal.
 */
export async function compareTables(
  tables: Tables,
  asked: readonly string[] | MiningChoice,
  watch: Watch = {},
): Promise<{ readonly source: EmbeddedRows; readonly targets: EmbeddedRows } & Similar> {
  const rows = { source: embeddedRows(), targets: embeddedRows() };
  const request = { kind: "similar", ...tables, asked: await rowwise(tables.source, asked) } as const;
  let found: Similar = { nearest: new Map(), like: new Map() };
  await ask(request, tables, watch, (part) => {
    const { table, filepaths, lengths } = part as EmbeddedPart;
    if (table === undefined) found = part as Similar;
    else for (const [at, path] of filepaths.entries()) rows[table].add(path, lengths[at] as number);
  });
  if ("free" in asked) return { ...rows, ...found };
  const inOrder = asked.flatMap((path): [string, number][] => {
    const similarity = found.nearest.get(path);
    return similarity === undefined ? [] : [[path, similarity]];
  });
  return { ...rows, nearest: new Map(inOrder), like: found.like };
}

/** What is asked about each row of a table, in its order: paths of millions of rows are not sent to another process. */
async function rowwise(source: string, asked: readonly string[] | MiningChoice): Promise<AskedRows> {
  const texts = createTextTable();
  const [label, score] = [createNumberList(), createScoreList()];
  const wanted = "free" in asked ? undefined : new Set(asked);
  await eachPath(source, (path) => {
    const found = "free" in asked ? asked.free.get(path) : wanted?.has(path) ? "" : undefined;
    label.push(found === undefined ? -1 : texts.numberOf(found));
    if ("free" in asked) score.push(asked.pool_scores.get(path) ?? Number.NaN);
  });
  const labels = Array.from({ length: texts.size() }, (_, number) => texts.at(number));
  const rows = { labels, label: label.all(), score: score.all() };
  if (!("free" in asked)) return rows;
  const { free: _free, pool_scores: _scores, ...rule } = asked;
  return { ...rows, rule };
}

/** What the second process answers, less its progress. */
async function ask(
  request: Parameters<typeof askOfParquet>[0],
  { source, targets }: Tables,
  watch: Watch,
  onPart: (part: unknown) => void,
): Promise<void> {
  const take = (part: unknown): void => {
    const { rows, of } = part as Partial<Progress>;
    if (rows === undefined || of === undefined) onPart(part);
    else watch.onProgress?.({ rows, of });
  };
  await askOfParquet(request, [source, targets], { signal: watch.signal, onPart: take });
}
