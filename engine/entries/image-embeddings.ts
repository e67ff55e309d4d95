import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ParquetColumn, readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { openEmbeddingReader } from "../mining/embedding-reader.ts";
import { cachePlace } from "../pair/cache-place.ts";
import type { CachePlace } from "../pair/feature-cache.ts";
import { type KnownKeys, requiredText, resolveValue, type SpecTree } from "../spec/load-spec.ts";
import { runDataTask } from "../task.ts";
import { withWarmCache } from "../warm-cache.ts";

const known: KnownKeys = {
  "": {
    schema: "ExperimentConfig",
    keys: [
      ...["model", "model_path", "model_config_path", "batch_size", "input_parquet", "output_parquet", "results_dir"],
      ...["num_gpus", "gpu_ids", "encryption_key"],
    ],
  },
};
const models = new Set(["siglip", "clip", "tao", "radio", "c-radio", "dinov2", "embedded"]);

/** Column with the golden image of each row; our own addition, other embedders ignore it. */
const GOLDEN_COLUMN = "golden_filepath";

type Image = { readonly path: string; readonly golden: string | undefined };

/** `embedding image_embeddings`: adds a column `embedding` (list of double, length 1) to the rows of a parquet file. */
export function imageEmbeddings(args: string[], io: EngineIo): Promise<number> {
  return runDataTask("image_embeddings", args, io, known, (tree) => embedRows(tree, io));
}

async function embedRows(tree: SpecTree, io: EngineIo): Promise<void> {
  const model = String(resolveValue(tree, "model") ?? "SigLIP");
  if (!models.has(model.toLowerCase())) throw new EngineFailure("ValueError", `Embedding model ${model} is not valid`);
  const output = realPath(io, requiredText(tree, "output_parquet"));
  const { columns, rows } = await readParquet(realPath(io, requiredText(tree, "input_parquet")));
  if (!columns.includes("filepath")) throw new EngineFailure("KeyError", "'filepath'");
  logLine(io, "INFO", `The embedded engine stands in for ${model}: its own image descriptor, no vision transformer.`);
  const images = new Map<string, Image>();
  for (const row of rows) {
    const name = textCell(row, "filepath");
    const path = realPath(io, name);
    images.set(name, { path, golden: findGolden(path, textCell(row, GOLDEN_COLUMN), io) });
  }
  const all = [...images.values()];
  const paths = all.map(({ path, golden }) => [path, golden] as const);
  const vectors = await withWarmCache("embeddings", paths, cachePlace(io), (place) => embedFiles(images, place));
  const found = all.filter(({ golden }) => golden !== undefined).length;
  logLine(io, "INFO", `Embedded ${images.size} images, ${found} of them with their golden image.`);
  await makeDirectory(dirname(output));
  await writeParquet(output, [
    ...columns.filter((name) => name !== "embedding").map((name) => columnOf(name, rows)),
    {
      name: "embedding",
      type: "double_list",
      // A vector in double precision for the rows of one group at a time.
      values: {
        length: rows.length,
        at: (row) => Array.from(vectors.get(textCell(rows[row] ?? {}, "filepath")) ?? []),
      },
    },
  ]);
}

/** The golden image of a row: the one it names, else the file of the same name in the directory `golden` beside its own. */
function findGolden(path: string, named: string, io: EngineIo): string | undefined {
  if (named !== "") return realPath(io, named);
  const sibling = join(dirname(path), "..", "golden", path.slice(dirname(path).length + 1));
  return existsSync(sibling) ? sibling : undefined;
}

function embedFiles(images: ReadonlyMap<string, Image>, place: CachePlace | undefined): Map<string, Float32Array> {
  const reader = openEmbeddingReader(place);
  try {
    return new Map([...images].map(([name, { path, golden }]) => [name, reader.read(path, golden)]));
  } finally {
    reader.close();
  }
}

function columnOf(name: string, rows: readonly Readonly<Record<string, unknown>>[]): ParquetColumn {
  const values = rows.map((row) => row[name]);
  if (values.length > 0 && values.every((value) => typeof value === "number" || typeof value === "bigint")) {
    return { name, type: "double", values: values.map(Number) };
  }
  return { name, type: "string", values: rows.map((row) => textCell(row, name)) };
}
