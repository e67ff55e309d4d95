import { z } from "zod";
import { embeddedRows } from "../data/nearest.ts";
import { Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { linesIn } from "../fs/lines.ts";
import { fileFacts } from "../fs/read.ts";
import type { EmbeddingFacts, ReadEmbeddings } from "../ports/stage.ts";
import { defined } from "../run/defined.ts";
import { readAside } from "./aside.ts";
import type { Trace } from "./load.ts";
import type { Pen } from "./pen.ts";
import { type Inline, isKept, restoreValue, type StoredFile } from "./stored-file.ts";
import type { Symbols } from "./symbols.ts";

/**
 * What was read, a row a line: of both tables each path with the length of its vector, then how near images came to a
 * target and to which, and what was counted on the way.
 */
const row = z.tuple([
  z.enum(["source", "targets", "nearest", "like", "counts"]),
  z.string(),
  z.union([z.string(), z.number()]),
]);
type Row = z.infer<typeof row>;

/** Reads embedding tables and writes down what was read of those that are too large to be kept. */
export function recordedEmbeddings(read: ReadEmbeddings, pen: Pen): ReadEmbeddings {
  return async (tables, asked) => {
    const facts = await read(tables, asked);
    const paths = [tables.source, tables.targets];
    const kept = await Promise.all(paths.map(async (path) => isKept(path, (await fileFacts(path))?.size_bytes ?? 0)));
    if (!kept.every(Boolean)) {
      const stored = await pen.keepAside(linesOf(facts, pen.cleanFile));
      if (stored !== undefined) pen.write({ kind: "embeddings", ...named(tables, pen.cleanText), stored });
    }
    return facts;
  };
}

function* linesOf(facts: EmbeddingFacts, clean: (text: string) => string): Generator<string> {
  const line = (...[kind, name, value]: Row) =>
    `${JSON.stringify([kind, clean(name), typeof value === "string" ? clean(value) : value])}\n`;
  const { source, targets, nearest, like = [], counts = {} } = facts;
  for (const { filepath, length } of source) yield line("source", filepath, length);
  for (const { filepath, length } of targets) yield line("targets", filepath, length);
  for (const [path, similarity] of nearest) yield line("nearest", path, similarity);
  for (const [path, target] of like) yield line("like", path, target);
  for (const [name, count] of Object.entries(counts)) yield line("counts", name, count);
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
    const facts = await factsOf(file, source, symbols.expand);
    const unread =
      "free" in asked ? undefined : asked.find((path) => facts.source.find(path) >= 0 && !facts.nearest.has(path));
    if (unread !== undefined) {
      throw new Refusal("trace.unusable", "The trace does not hold the vectors that are asked for now.", { unread });
    }
    return facts;
  };
}

async function factsOf(file: StoredFile, table: string, expand: (text: string) => string): Promise<EmbeddingFacts> {
  const [source, targets] = [embeddedRows(), embeddedRows()];
  const [nearest, like] = [new Map<string, number>(), new Map<string, string>()];
  const counts: Record<string, number> = {};
  for await (const [kind, name, value] of rowsOf(file, table)) {
    const path = expand(name);
    if (typeof value === "string") like.set(path, expand(value));
    else if (kind === "nearest") nearest.set(path, value);
    else if (kind === "counts") counts[name] = value;
    else (kind === "source" ? source : targets).add(path, value);
  }
  const more = { like: like.size > 0 ? like : undefined, counts: Object.keys(counts).length > 0 ? counts : undefined };
  return { source, targets, nearest, ...defined(more) };
}

async function* rowsOf(file: StoredFile, table: string): AsyncGenerator<Row> {
  if (file.encoding !== "aside") return yield* olderRows(file, table);
  for await (const piece of readAside(file)) {
    for (const [line] of linesIn(piece)) yield checked(row, parsedLine(line, table), table);
  }
}

function parsedLine(line: string, table: string): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    throw otherShape(table, error);
  }
}

/** Before format 3 it was one value, in a line. */
const pairs = z.array(z.tuple([z.string(), z.number()]));
const olderFacts = z.object({
  ...{ source: pairs, targets: pairs, nearest: pairs },
  like: z.array(z.tuple([z.string(), z.string()])).optional(),
  counts: z.record(z.string(), z.number()).optional(),
});

function* olderRows(file: Inline, table: string): Generator<Row> {
  const { counts = {}, like = [], ...facts } = checked(olderFacts, restoreValue(file), table);
  for (const kind of ["source", "targets", "nearest"] as const) {
    for (const [path, value] of facts[kind]) yield [kind, path, value];
  }
  for (const [path, target] of like) yield ["like", path, target];
  for (const [name, count] of Object.entries(counts)) yield ["counts", name, count];
}

function checked<T>(schema: z.ZodType<T>, value: unknown, table: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw otherShape(table, parsed.error);
}

function otherShape(table: string, cause: unknown): Refusal {
  return new Refusal("trace.unusable", "What was read of a table has another shape.", { table }, { cause });
}

function named(tables: { source: string; targets: string }, change: (text: string) => string) {
  return { source: change(tables.source), targets: change(tables.targets) };
}
