import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { groupsOf, type ParquetColumn, writeParquetGroups } from "../../server/data/parquet.ts";
import { makeDirectory } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { givenVectors } from "../mining/given-vectors.ts";
import { type ImageList, readImageList } from "../mining/image-list.ts";
import { cachePlace } from "../pair/cache-place.ts";
import type { ImagePaths } from "../pair/pair-reader.ts";
import { type KnownKeys, requiredText, resolveValue, type SpecTree } from "../spec/load-spec.ts";
import { runDataTask } from "../task.ts";
import { openWarmReader, SEEN_TO } from "../warm-cache.ts";

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

/** Computes vectors group by group: those of one are in memory beside the list. */
async function writeOwnVectors(output: string, images: ImageList, io: EngineIo): Promise<void> {
  const reader = openWarmReader("embeddings", cachePlace(io));
  const names = images.columns.filter((name) => name !== "embedding");
  let found = 0;
  async function* groups(): AsyncGenerator<readonly ParquetColumn[]> {
    for (let first = 0; first === 0 || first < images.size; first += SEEN_TO) {
      const rows = Int32Array.from({ length: Math.min(SEEN_TO, images.size - first) }, (_, at) => first + at);
      const paths = Array.from(rows, (row): ImagePaths => {
        const path = realPath(io, images.text("filepath", row));
        return [path, findGolden(path, images.text(GOLDEN_COLUMN, row), io)];
      });
      found += paths.filter(([, golden]) => golden !== undefined).length;
      await reader.prepare(paths);
      const at = (row: number): number[] => Array.from(reader.read(paths[row] ?? [""]));
      const vectors = { length: rows.length, at };
      yield* groupsOf([...images.columnsOf(names, rows), { name: "embedding", type: "double_list", values: vectors }]);
    }
  }
  try {
    await writeParquetGroups(output, groups());
  } finally {
    reader.close();
  }
  logLine(io, "INFO", `Embedded ${images.size} images, ${found} of them with their golden image.`);
}

/** The golden image of a row: the one it names, else the file of the same name in the directory `golden` beside its own. */
function findGolden(path: string, named: string, io: EngineIo): string | undefined {
  if (named !== "") return realPath(io, named);
  const sibling = join(dirname(path), "..", "golden", path.slice(dirname(path).length + 1));
  return existsSync(sibling) ? sibling : undefined;
}
