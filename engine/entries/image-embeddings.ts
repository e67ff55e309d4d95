import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ParquetColumn, readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { EMBEDDING_KIND, EMBEDDING_SIZE, embedImage } from "../mining/embedding.ts";
import { cachePlace } from "../pair/cache-place.ts";
import { type CachePlace, contentKey, openFeatureCache } from "../pair/feature-cache.ts";
import { openPairReader, readImageFile } from "../pair/pair-reader.ts";
import { withWarmCache } from "../pair/warm-cache.ts";
import { type KnownKeys, requiredText, resolveValue, type SpecTree } from "../spec/load-spec.ts";
import { runDataTask } from "../task.ts";

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
  const unique = new Map<string, string | undefined>();
  for (const row of rows) {
    const path = textCell(row, "filepath");
    unique.set(path, findGolden(realPath(io, path), textCell(row, GOLDEN_COLUMN), io));
  }
  const pairs = [...unique].flatMap(([path, golden]) =>
    golden === undefined ? [] : [[realPath(io, path), golden] as const],
  );
  const vectors = await withWarmCache(pairs, cachePlace(io), (place) => embedFiles(unique, place, io));
  const found = [...unique.values()].filter((golden) => golden !== undefined).length;
  logLine(io, "INFO", `Embedded ${unique.size} images, ${found} of them with their golden image.`);
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

function embedFiles(
  files: ReadonlyMap<string, string | undefined>,
  place: CachePlace | undefined,
  io: EngineIo,
): Map<string, Float32Array> {
  const cache = openFeatureCache(place, EMBEDDING_KIND, EMBEDDING_SIZE);
  const reader = openPairReader(place);
  const vectors = new Map<string, Float32Array>();
  for (const [path, golden] of files) {
    const real = realPath(io, path);
    const bytes = readImageFile(real);
    const contents = golden === undefined ? [bytes] : [bytes, readImageFile(golden)];
    const key = contentKey(EMBEDDING_KIND, contents);
    let vector = cache.get(key);
    if (vector === undefined) {
      const features = golden === undefined ? undefined : reader.read(real, golden);
      vector = embedImage(decodeGray(bytes, real), features);
      cache.put(key, vector);
    }
    vectors.set(path, vector);
  }
  cache.close();
  reader.close();
  return vectors;
}

function columnOf(name: string, rows: readonly Readonly<Record<string, unknown>>[]): ParquetColumn {
  const values = rows.map((row) => row[name]);
  if (values.length > 0 && values.every((value) => typeof value === "number" || typeof value === "bigint")) {
    return { name, type: "double", values: values.map(Number) };
  }
  return { name, type: "string", values: rows.map((row) => textCell(row, name)) };
}
