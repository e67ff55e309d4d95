import { z } from "zod";
import { embeddedRows } from "../data/nearest.ts";
import { Refusal } from "../errors.ts";
import { fileFacts } from "../fs/read.ts";
import type { ReadEmbeddings } from "../ports/stage.ts";
import { defined } from "../run/defined.ts";
import type { Trace } from "./load.ts";
import type { Pen } from "./pen.ts";
import { hashOfStored, isKept, restoreValue, storeValue } from "./stored-file.ts";
import type { Symbols } from "./symbols.ts";

/** Rows as path and length of the vector, similarities as path and number. */
const pairs = z.array(z.tuple([z.string(), z.number()]));
const counts = z.record(z.string(), z.number());
const like = z.array(z.tuple([z.string(), z.string()]));
const readFacts = z.object({
  ...{ source: pairs, targets: pairs, nearest: pairs },
  ...{ like: like.optional(), counts: counts.optional() },
});

/** Reads embedding tables and writes down what was read of those that are too large to be kept. */
export function recordedEmbeddings(read: ReadEmbeddings, pen: Pen): ReadEmbeddings {
  return async (tables, asked) => {
    const facts = await read(tables, asked);
    const paths = [tables.source, tables.targets];
    const kept = await Promise.all(paths.map(async (path) => isKept(path, (await fileFacts(path))?.size_bytes ?? 0)));
    if (!kept.every(Boolean)) {
      const rowsOf = (rows: typeof facts.source) =>
        Array.from(rows, ({ filepath, length }) => [filepath, length] as const);
      const { source, targets, nearest, like, counts } = facts;
      const found = { nearest: [...nearest], like: like && [...like], counts };
      const value = { source: rowsOf(source), targets: rowsOf(targets), ...found };
      const file = storeValue(value, pen.cleanFile);
      const stored = hashOfStored(file);
      pen.write({ kind: "file", sha256: stored, ...file });
      pen.write({ kind: "embeddings", ...named(tables, pen.cleanText), stored });
    }
    return facts;
  };
}

/** Answers with what was read then; tables that the trace holds whole are read from the disk. */
export function replayedEmbeddings(trace: Trace, symbols: Symbols, read: ReadEmbeddings): ReadEmbeddings {
  const lines = trace.connections.flatMap((one) =>
    one.lines.flatMap((line) => (line.kind === "embeddings" ? line : [])),
  );
  return async (tables, asked) => {
    const { source, targets } = named(tables, symbols.name);
    const line = lines.findLast((one) => one.source === source && one.targets === targets);
    const file = line === undefined ? undefined : trace.files.get(line.stored);
    if (file === undefined) return await read(tables, asked);
    const parsed = readFacts.safeParse(restoreValue(file, symbols.expand));
    if (!parsed.success) {
      throw new Refusal("trace.unusable", "What was read of a table has another shape.", { table: source });
    }
    const rowsOf = (rows: [string, number][]) => {
      const known = embeddedRows();
      for (const [filepath, length] of rows) known.add(filepath, length);
      return known;
    };
    const nearest = new Map(parsed.data.nearest);
    const known = new Set(parsed.data.source.map(([filepath]) => filepath));
    const unread = "free" in asked ? undefined : asked.find((path) => known.has(path) && !nearest.has(path));
    if (unread !== undefined) {
      throw new Refusal("trace.unusable", "The trace does not hold the vectors that are asked for now.", { unread });
    }
    const { like, counts } = parsed.data;
    const found = { nearest, ...defined({ like: like && new Map(like), counts }) };
    return { source: rowsOf(parsed.data.source), targets: rowsOf(parsed.data.targets), ...found };
  };
}

function named(tables: { source: string; targets: string }, change: (text: string) => string) {
  return { source: change(tables.source), targets: change(tables.targets) };
}
