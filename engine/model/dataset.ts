import {
  type ChangeNetRow,
  changeNetRows,
  mandatoryColumns,
  refuseMissingColumns,
} from "../../server/data/changenet.ts";
import { refuseTooMany, scanTable } from "../../server/data/csv.ts";
import { Refusal } from "../../server/errors.ts";
import { imagesOf } from "../../server/run/images.ts";
import { EngineFailure } from "../failure.ts";
import { headwayOf } from "../headway.ts";
import { type Split, splitOf } from "../spec/changenet-spec.ts";
import type { TaskContext } from "../task.ts";
import { SEEN_TO } from "../warm-cache.ts";

/** Rows of one split with the features of their pairs, all lightings joined in `input_map` order. */
export type Dataset = { columns: readonly string[]; rows: ChangeNetRow[]; features: Float32Array[] };

/** The word that TAO's messages use for a split. */
type Purpose = "train" | "validation" | "evaluation" | "inference";

/**
 * Reads one split and the images of its rows whole, as training needs them.
 *
 * @throws like `datasetParts`; Refusal `input.too-many-rows`.
 */
export async function loadDataset(task: TaskContext, split: Split, purpose: Purpose): Promise<Dataset> {
  const all: Dataset = { columns: [], rows: [], features: [] };
  for await (const part of datasetParts(task, split, purpose, true)) {
    all.columns = part.columns;
    all.rows.push(...part.rows);
    all.features.push(...part.features);
  }
  return all;
}

/**
 * Reads one split and the images of its rows, some thousand rows at a time: memory does not grow with the split. Who
 * holds all rows (`whole`) is refused before the first image is looked at.
 *
 * @throws EngineFailure when the CSV or an image is missing, or the split is smaller than a batch.
 */
export async function* datasetParts(
  { spec, tree, status, io, pairs: reader }: TaskContext,
  split: Split,
  purpose: Purpose,
  whole = false,
): AsyncGenerator<Dataset> {
  const source = splitOf(tree, split, io);
  if (source === undefined) {
    throw new EngineFailure("FileNotFoundError", `No ${purpose} csv file was found at `);
  }
  const { header: columns, rows } = await describeRows(source.csv_path, purpose);
  if (whole) refuseTooMany(source.csv_path, rows);
  if (rows < spec.batch_size) {
    throw new EngineFailure(
      "ValueError",
      `Dataset size (${rows}) is smaller than the total batch size (${spec.batch_size}). ` +
        `Not enough data for ${purpose}.`,
    );
  }
  const layout = { images_dir: source.images_dir, lightings: spec.lights, image_ext: spec.image_ext };
  const lights = Math.max(1, spec.lights.length);
  const headway = headwayOf(status, `${purpose} images`, rows * lights);
  let done = 0;
  for await (const part of inParts(changeNetRows(source.csv_path), Math.ceil(SEEN_TO / lights))) {
    const pairs = part.map((row) => imagesOf(row, layout).map(({ input, golden }) => [input, golden] as const));
    await reader.prepare(pairs.flat(), (more) => headway(done + more));
    const features = pairs.map((ofRow) => {
      headway(done);
      done += lights;
      return joined(ofRow.map(reader.read));
    });
    yield { columns, rows: part, features };
  }
}

async function* inParts<Row>(rows: AsyncIterable<Row>, most: number): AsyncGenerator<Row[]> {
  let part: Row[] = [];
  for await (const row of rows) {
    if (part.push(row) < most) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** The columns of a table and how many rows it has. */
async function describeRows(path: string, purpose: Purpose) {
  try {
    return await scanTable(path, (header) => {
      refuseMissingColumns(path, header, mandatoryColumns);
      return () => undefined;
    });
  } catch (error) {
    if (error instanceof Refusal && error.code === "input.unreadable-file") {
      throw new EngineFailure("FileNotFoundError", `No ${purpose} csv file was found at ${path}`, { cause: error });
    }
    throw error;
  }
}

/** 1 unless the label is exactly `PASS`, as TAO's loader compares it. */
export function targetOf(row: ChangeNetRow): 0 | 1 {
  return row.label === "PASS" ? 0 : 1;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0] as Float32Array;
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
