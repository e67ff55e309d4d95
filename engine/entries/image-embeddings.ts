import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeParquet, writeParquetGroups } from "../../server/data/parquet.ts";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { decodeGray } from "../image/decode.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { EMBEDDING_KIND, EMBEDDING_SIZE, embedImage } from "../mining/embedding.ts";
import { givenVectors } from "../mining/given-vectors.ts";
import { type ImageList, readImageList } from "../mining/image-list.ts";
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

/**
 * `embedding image_embeddings`: adds a column `embedding` (list of double) to the rows of a parquet file. A `model_path`
 * that ends in `.parquet` is a table of vectors that were computed elsewhere.
 */
export function imageEmbeddings(args: string[], io: EngineIo): Promise<number> {
  return runDataTask("image_embeddings", args, io, known, (tree) => embedRows(tree, io));
}

async function embedRows(tree: SpecTree, io: EngineIo): Promise<void> {
  const model = String(resolveValue(tree, "model") ?? "SigLIP");
  if (!models.has(model.toLowerCase())) throw new EngineFailure("ValueError", `Embedding model ${model} is not valid`);
  const output = realPath(io, requiredText(tree, "output_parquet"));
  const images = await readImageList(realPath(io, requiredText(tree, "input_parquet")));
  const place = String(resolveValue(tree, "model_path") ?? "");
  await makeDirectory(dirname(output));
  if (place.endsWith(".parquet")) {
    const table = realPath(io, place);
    logLine(io, "INFO", `Embeddings are those of ${table}.`);
    await writeParquetGroups(
      output,
      givenVectors(images, table, (path) => realPath(io, path)),
    );
    return;
  }
  logLine(io, "INFO", `The embedded engine stands in for ${model}: its own image descriptor, no vision transformer.`);
  await writeOwnVectors(output, images, io);
}

/** Computes each vector as its row is written: those of one group of rows are in memory beside what the cache holds. */
async function writeOwnVectors(output: string, images: ImageList, io: EngineIo): Promise<void> {
  const rows = Int32Array.from({ length: images.size }, (_, row) => row);
  const pairOf = (row: number): readonly [string, string | undefined] => {
    const path = realPath(io, images.text("filepath", row));
    return [path, findGolden(path, images.text(GOLDEN_COLUMN, row), io)];
  };
  const pairs = Array.from(rows, pairOf).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const names = images.columns.filter((name) => name !== "embedding");
  await withWarmCache(pairs, cachePlace(io), async (place) => {
    const embedder = openEmbedder(place);
    const at = (row: number): number[] => Array.from(embedder.embed(...pairOf(row)));
    await writeParquet(output, [
      ...images.columnsOf(names, rows),
      { name: "embedding", type: "double_list", values: { length: images.size, at } },
    ]);
    embedder.close();
  });
  logLine(io, "INFO", `Embedded ${images.size} images, ${pairs.length} of them with their golden image.`);
}

/** The golden image of a row: the one it names, else the file of the same name in the directory `golden` beside its own. */
function findGolden(path: string, named: string, io: EngineIo): string | undefined {
  if (named !== "") return realPath(io, named);
  const sibling = join(dirname(path), "..", "golden", path.slice(dirname(path).length + 1));
  return existsSync(sibling) ? sibling : undefined;
}

function openEmbedder(place: CachePlace | undefined) {
  const cache = openFeatureCache(place, EMBEDDING_KIND, EMBEDDING_SIZE);
  const reader = openPairReader(place);
  return {
    embed(path: string, golden: string | undefined): Float32Array {
      const bytes = readImageFile(path);
      const contents = golden === undefined ? [bytes] : [bytes, readImageFile(golden)];
      const key = contentKey(EMBEDDING_KIND, contents);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const features = golden === undefined ? undefined : reader.read(path, golden);
      const vector = embedImage(decodeGray(bytes, path), features);
      cache.put(key, vector);
      return vector;
    },
    close(): void {
      cache.close();
      reader.close();
    },
  };
}
