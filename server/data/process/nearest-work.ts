import { Refusal } from "../../errors.ts";
import {
  chooseRows,
  type Embedded,
  type MiningChoice,
  type MiningChosen,
  type NearRow,
} from "../../kpi/mining-rule.ts";
import type { Metric, Vectors } from "../../kpi/nearest/comparer.ts";
import type { Nearest } from "../../kpi/nearest/nearest.ts";
import { unit32 } from "../../kpi/nearest/similarity.ts";
import { compareBlocks } from "./compare-blocks.ts";
import type { Block, Compared } from "./compare-lane.ts";
import { type VectorBatch, type VectorColumn, type VectorTable, vectorBatches } from "./vector-batches.ts";

/** Two tables of embeddings: rows of the first are compared with all of the second. */
export type Tables = { readonly source: string; readonly targets: string };

export type NearestRequest = Tables & { readonly kind: "nearest"; readonly metric: Metric; readonly k: number };
export type SimilarRequest = Tables & { readonly kind: "similar"; readonly asked: AskedRows };

/** What is asked about the rows of the source, in their order. */
export type AskedRows = {
  /** The number of a row's label, -1 where its similarity to the nearest target is not wanted. */
  readonly label: Int32Array;
  readonly labels: readonly string[];
  /** The current model's score of a row, NaN where it has none. */
  readonly score: Float64Array;
  /** How to choose among the wanted rows; absent where all of them are. */
  readonly rule?: Omit<MiningChoice, "free" | "pool_scores">;
};

/** How far the comparison is. */
export type Progress = { readonly rows: number; readonly of: number };

export type NearestRows = {
  /** Label of each target, in their order. */
  readonly target_labels: readonly string[];
  /** Tables without a column of labels. */
  readonly unlabelled: readonly ("source" | "target")[];
  readonly nearest: Nearest;
  /** The rows that are near some target. */
  readonly found: ReadonlyMap<number, { readonly filepath: string; readonly label: string }>;
};

/** Some rows of a table: paths and lengths of the vectors, 0 without a usable one. */
export type EmbeddedPart = {
  readonly table: keyof Tables;
  readonly filepaths: readonly string[];
  readonly lengths: Uint32Array;
};
/** Similarity of what was asked for or, in their order, of the chosen ones, each with the target that it is most like. */
export type Similar = Pick<MiningChosen, "nearest" | "like"> & Partial<MiningChosen>;

/** The `k` nearest rows of each target. @throws Refusal `input.bad-parquet`. */
export async function* nearestRows(request: NearestRequest): AsyncGenerator<Progress | NearestRows> {
  const { source, metric, k } = request;
  const table = await headOf(source);
  const targets = await readTargets(request.targets);
  requireRows(request.targets, targets.table);
  if (targets.vectors.values.length !== targets.vectors.width * targets.table.rows) throw unusable(request.targets);
  requireRows(source, table);
  if (!(k <= table.rows && k >= 1)) {
    throw bad(source, `n_neighbors ${k} must be between 1 and the ${table.rows} rows of the source`);
  }
  const { width } = targets.vectors;
  const blocks = blocksOf(source, ["filepath", "embedding"], (batch) => {
    const other = batch.lengths.find((length) => length !== width);
    if (other === 0) throw unusable(source);
    if (other !== undefined) throw bad(source, "source and target embeddings differ in length");
    return batch;
  });
  const work = compareBlocks(blocks, { kind: "nearest", targets: targets.vectors, metric, k }, table.rows);
  let step = await work.next();
  for (let rows = 0; !step.done; step = await work.next()) {
    rows += step.value.values.length / width;
    yield { rows, of: table.rows };
  }
  const nearest = step.value as Nearest;
  const has = ({ columns }: VectorTable): boolean => columns.includes("label");
  yield {
    target_labels: targets.labels,
    unlabelled: [...(has(table) ? [] : ["source" as const]), ...(has(targets.table) ? [] : ["target" as const])],
    nearest,
    found: await rowsAt(source, new Set(nearest.rows)),
  };
}

/** Similarities of rows to their nearest targets, or the choice among rows; on the way all rows of both tables. */
export async function* similarRows(request: SimilarRequest): AsyncGenerator<Progress | EmbeddedPart | Similar> {
  const { source, asked } = request;
  const targets = await readTargets(request.targets);
  const { width } = targets.vectors;
  yield { table: "targets", filepaths: targets.filepaths, lengths: targets.lengths };
  const table = await headOf(source);
  if (asked.label.length !== table.rows) throw bad(source, `${source} changed while it was read`);
  const parts: EmbeddedPart[] = [];
  const compared = new Map<number, ComparedRows>();
  const blocks = blocksOf(source, ["filepath", "embedding"], (batch) => {
    const { first, filepaths, lengths } = batch;
    parts.push({ table: "source", filepaths, lengths });
    const isWanted = (at: number, length: number) => length === width && (asked.label[first + at] ?? -1) >= 0;
    const at = [...lengths.keys()].filter((row) => isWanted(row, lengths[row] as number));
    compared.set(
      first,
      at.map((row) => ({ row: first + row, filepath: filepaths[row] as string })),
    );
    return selected(batch, isWanted);
  });
  const gather = asked.rule === undefined ? gatherSimilarities(targets) : gatherNear(asked, asked.rule, targets);
  let rows = 0;
  for await (const block of compareBlocks(blocks, { kind: "similarity", targets: targets.vectors }, table.rows)) {
    gather.add(compared.get(block.first) ?? [], block);
    compared.delete(block.first);
    for (const part of parts.splice(0)) {
      rows += part.filepaths.length;
      yield part;
    }
    yield { rows, of: table.rows };
  }
  yield gather.end();
}

/** The rows of a block, by their numbers in the table. */
type ComparedRows = readonly { readonly row: number; readonly filepath: string }[];
type Gathering = { add(rows: ComparedRows, block: Compared): void; end(): Similar };

function gatherSimilarities({ units }: Targets): Gathering {
  const nearest = new Map<string, number>();
  const like = new Map<string, string>();
  return {
    add(rows, { alike }) {
      for (const [at, { filepath }] of rows.entries()) {
        nearest.set(filepath, alike?.cosine[at] ?? -1);
        const target = units[alike?.target[at] ?? -1];
        if (target !== undefined) like.set(filepath, target.filepath);
      }
    },
    end: () => ({ nearest, like }),
  };
}

/** Keeps the rows in reach, which the choice is among. */
function gatherNear(
  { label, labels, score }: AskedRows,
  rule: Omit<MiningChoice, "free" | "pool_scores">,
  { vectors: { width }, units }: Targets,
): Gathering {
  const near: (NearRow & { readonly row: number })[] = [];
  let count = 0;
  return {
    add(rows, { values, alike }) {
      count += rows.length;
      for (const [at, { row, filepath }] of rows.entries()) {
        const similarity = alike?.cosine[at] ?? -1;
        if (similarity < rule.min_similarity) continue;
        const like = units[alike?.target[at] ?? -1]?.filepath ?? "";
        const unit = unit32(values.subarray(at * width, (at + 1) * width));
        near.push({ row, filepath, unit, similarity, like });
      }
    },
    end() {
      near.sort((a, b) => a.row - b.row);
      const free = new Map(near.map(({ row, filepath }) => [filepath, labels[label[row] as number] ?? ""]));
      const scored = near.filter(({ row }) => !Number.isNaN(score[row] as number));
      const pool_scores = new Map(scored.map(({ row, filepath }) => [filepath, score[row] as number]));
      return chooseRows({ free: count, near }, units, { ...rule, free, pool_scores });
    },
  };
}

type Targets = {
  readonly table: VectorTable;
  readonly filepaths: readonly string[];
  readonly labels: readonly string[];
  readonly lengths: Uint32Array;
  /** Those as long as the first usable one. */
  readonly vectors: Vectors;
  readonly units: readonly Embedded[];
};

async function readTargets(path: string): Promise<Targets> {
  const batches: VectorBatch[] = [];
  const table = await headOf(path);
  for await (const batch of batchesOf(path, ["filepath", "label", "embedding"])) batches.push(batch);
  const lengths = Uint32Array.from(batches.flatMap((batch) => [...batch.lengths]));
  const width = lengths.find((length) => length > 0) ?? 0;
  const fitting = batches.map((batch) => selected(batch, (_, length) => length === width));
  const values = new Float64Array(fitting.reduce((sum, batch) => sum + batch.values.length, 0));
  let filled = 0;
  for (const batch of fitting) {
    values.set(batch.values, filled);
    filled += batch.values.length;
  }
  const units = fitting
    .flatMap((batch) => batch.filepaths)
    .map((filepath, at) => ({ filepath, unit: unit32(values.subarray(at * width, (at + 1) * width)) }));
  return {
    table,
    filepaths: batches.flatMap((batch) => batch.filepaths),
    labels: batches.flatMap((batch) => batch.labels),
    lengths,
    vectors: { width, values },
    units,
  };
}

/** The rows of a batch that `fits` says yes to, by their place in it. */
function selected(batch: VectorBatch, fits: (at: number, length: number) => boolean): VectorBatch {
  const taken = Array.from(batch.lengths, (length, at) => fits(at, length));
  if (taken.every(Boolean)) return batch;
  const of = <Cell>(cells: readonly Cell[]): Cell[] => cells.filter((_, at) => taken[at]);
  const lengths = Uint32Array.from(of([...batch.lengths]));
  const values = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let [from, to] = [0, 0];
  for (const [at, length] of batch.lengths.entries()) {
    if (taken[at]) {
      values.set(batch.values.subarray(from, from + length), to);
      to += length;
    }
    from += length;
  }
  return { first: batch.first, filepaths: of(batch.filepaths), labels: of(batch.labels), lengths, values };
}

async function headOf(path: string): Promise<VectorTable> {
  for await (const found of vectorBatches(path, [])) {
    if ("first" in found) continue;
    if (found.columns.includes("filepath")) return found;
    throw bad(path, `${path} lacks filepath`, { missing: ["filepath"] });
  }
  throw bad(path, `${path} has no description`);
}

async function* batchesOf(path: string, columns: readonly VectorColumn[]): AsyncGenerator<VectorBatch> {
  for await (const found of vectorBatches(path, columns)) if ("first" in found) yield found;
}

async function* blocksOf(
  path: string,
  columns: readonly VectorColumn[],
  change: (batch: VectorBatch) => VectorBatch,
): AsyncGenerator<Block> {
  for await (const batch of batchesOf(path, columns)) {
    const { first, values } = change(batch);
    yield { first, values };
  }
}

async function rowsAt(path: string, wanted: ReadonlySet<number>) {
  const found = new Map<number, { filepath: string; label: string }>();
  for await (const { first, filepaths, labels } of batchesOf(path, ["filepath", "label"])) {
    for (const [at, filepath] of filepaths.entries()) {
      if (wanted.has(first + at)) found.set(first + at, { filepath, label: labels[at] ?? "" });
    }
  }
  return found;
}

function requireRows(path: string, { columns, rows }: VectorTable): void {
  if (!columns.includes("embedding")) throw bad(path, `${path} lacks embedding`, { missing: ["embedding"] });
  if (rows === 0) throw bad(path, `cannot reshape array of size 0: ${path} has no embeddings`);
}

const unusable = (path: string): Refusal => bad(path, `${path} holds a row without an embedding`);

function bad(path: string, message: string, facts: object = {}): Refusal {
  return new Refusal("input.bad-parquet", message, { path, ...facts });
}
