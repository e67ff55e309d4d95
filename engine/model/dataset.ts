import { type ChangeNetRow, readChangeNet } from "../../server/data/changenet.ts";
import { Refusal } from "../../server/errors.ts";
import { imagesOf } from "../../server/run/images.ts";
import { EngineFailure } from "../failure.ts";
import { type Headway, headwayOf } from "../headway.ts";
import { cachePlace } from "../pair/cache-place.ts";
import type { CachePlace } from "../pair/feature-cache.ts";
import { openPairReader } from "../pair/pair-reader.ts";
import { type ChangenetSpec, type Split, splitOf } from "../spec/changenet-spec.ts";
import type { SpecTree } from "../spec/load-spec.ts";
import type { TaskContext } from "../task.ts";
import { withWarmCache } from "../warm-cache.ts";

/** Rows of one split with the features of their pairs, all lightings joined in `input_map` order. */
export type Dataset = { columns: readonly string[]; rows: readonly ChangeNetRow[]; features: Float32Array[] };

/**
 * Reads one split and the images of its rows.
 *
 * @throws EngineFailure when the CSV or an image is missing, or the split is smaller than a batch (`purpose` is the word
 * that TAO's message uses for it).
 */
export async function loadDataset(
  tree: SpecTree,
  split: Split,
  spec: ChangenetSpec,
  purpose: "train" | "validation" | "evaluation" | "inference",
  { io, status }: Pick<TaskContext, "io" | "status">,
): Promise<Dataset> {
  const source = splitOf(tree, split, io);
  if (source === undefined) {
    throw new EngineFailure("FileNotFoundError", `No ${purpose} csv file was found at `);
  }
  const { columns, rows } = await readRows(source.csv_path, purpose);
  if (rows.length < spec.batch_size) {
    throw new EngineFailure(
      "ValueError",
      `Dataset size (${rows.length}) is smaller than the total batch size (${spec.batch_size}). ` +
        `Not enough data for ${purpose}.`,
    );
  }
  const layout = { images_dir: source.images_dir, lightings: spec.lights, image_ext: spec.image_ext };
  const pairs = rows.map((row) => imagesOf(row, layout).map(({ input, golden }) => [input, golden] as const));
  const all = pairs.flat();
  const headway = headwayOf(status, `${purpose} images`, all.length);
  const features = await withWarmCache(
    "pairs",
    all,
    cachePlace(io),
    (place) => readAll(pairs, place, headway),
    headway,
  );
  return { columns, rows, features };
}

/** The features of each row, from its pairs. */
function readAll(
  rows: readonly (readonly [test: string, golden: string])[][],
  place: CachePlace | undefined,
  headway: Headway,
): Float32Array[] {
  const reader = openPairReader(place);
  let done = 0;
  try {
    return rows.map((pairs) => {
      headway(done);
      done += pairs.length;
      const parts = pairs.map(([test, golden]) => reader.read(test, golden));
      return parts.length === 1 ? (parts[0] as Float32Array) : joined(parts);
    });
  } finally {
    reader.close();
  }
}

async function readRows(path: string, purpose: string) {
  try {
    return await readChangeNet(path);
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
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
