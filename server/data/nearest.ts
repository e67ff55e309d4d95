import type { MiningChoice } from "../kpi/mining-rule.ts";
import type { Metric } from "../kpi/nearest/comparer.ts";
import { askOfParquet } from "./parquet.ts";
import type { EmbeddedPart, NearestRows, Progress, Similar, Tables } from "./process/nearest-work.ts";

export type { NearestRows, Progress } from "./process/nearest-work.ts";

/** How a comparison is watched and ended before its time. */
export type Watch = { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal | undefined };

/** Rows of an embedding table in their order, each with the length of its vector; 0 without a usable one. */
export type EmbeddedRows = readonly { readonly filepath: string; readonly length: number }[];

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
  const parts = await ask({ kind: "nearest", ...tables, ...asked }, tables, watch);
  return parts.at(-1) as NearestRows;
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
  const rows = { source: [] as EmbeddedRows[number][], targets: [] as EmbeddedRows[number][] };
  const parts = await ask({ kind: "similar", ...tables, asked }, tables, watch);
  for (const part of parts.slice(0, -1) as EmbeddedPart[]) {
    const table = rows[part.table];
    for (const [at, filepath] of part.filepaths.entries()) table.push({ filepath, length: part.lengths[at] as number });
  }
  const found = parts.at(-1) as Similar;
  if ("free" in asked) return { ...rows, ...found };
  const inOrder = asked.flatMap((path): [string, number][] => {
    const similarity = found.nearest.get(path);
    return similarity === undefined ? [] : [[path, similarity]];
  });
  return { ...rows, nearest: new Map(inOrder), like: found.like };
}

/** What the second process answers, less its progress. */
async function ask(request: Parameters<typeof askOfParquet>[0], { source, targets }: Tables, watch: Watch) {
  const parts: unknown[] = [];
  const onPart = (part: unknown): void => {
    const { rows, of } = part as Partial<Progress>;
    if (rows === undefined || of === undefined) parts.push(part);
    else watch.onProgress?.({ rows, of });
  };
  await askOfParquet(request, [source, targets], { signal: watch.signal, onPart });
  return parts;
}
