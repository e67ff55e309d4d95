import { dirname, join } from "node:path";
import { listCell, readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import { makeDirectory, writeAtomic } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { type KnnMetric, type MiningRow, mineNeighbors, miningSummary } from "../mining/neighbors.ts";
import { type KnownKeys, numberOr, requiredText, resolveValue, type SpecTree } from "../spec/load-spec.ts";
import { runDataTask } from "../task.ts";

const known: KnownKeys = {
  "": {
    schema: "ExperimentConfig",
    keys: [
      ...["source_parquet", "target_parquet", "output_parquet", "topn", "knn_metric", "filter_by_label"],
      ...["distance_threshold", "results_dir", "encryption_key"],
    ],
  },
};

/** `tmm nearest_neighbors`: keeps the source rows that lie nearest to any target row. */
export function nearestNeighbors(args: string[], io: EngineIo): Promise<number> {
  return runDataTask("nearest_neighbors", args, io, known, (tree) => mine(tree, io));
}

async function mine(tree: SpecTree, io: EngineIo): Promise<void> {
  const path = (key: string): string => realPath(io, requiredText(tree, key));
  const output = path("output_parquet");
  const source = await readRows(path("source_parquet"));
  const target = await readRows(path("target_parquet"));
  const metric = String(resolveValue(tree, "knn_metric") ?? "euclidean");
  if (metric !== "cosine" && metric !== "euclidean" && metric !== "manhattan") {
    throw new EngineFailure("ValueError", `Metric '${metric}' is not one of cosine, euclidean, manhattan.`);
  }
  const options = {
    topn: numberOr(tree, "topn", 5),
    metric: metric as KnnMetric,
    filter_by_label: ["true", "1", "yes"].includes(String(resolveValue(tree, "filter_by_label") ?? "").toLowerCase()),
    distance_threshold: numberOr(tree, "distance_threshold", -1),
  };
  if (options.filter_by_label) {
    const missing = [...(source.labelled ? [] : ["source"]), ...(target.labelled ? [] : ["target"])];
    if (missing.length > 0) {
      options.filter_by_label = false;
      const where = missing.join(", ");
      logLine(
        io,
        "WARNING",
        `filter_by_label is enabled but the 'label' column is missing from: ${where}. Skipping label filtering`,
      );
    }
  }
  const mined = mineNeighbors(source.rows, target.rows, options);
  await makeDirectory(dirname(output));
  await writeParquet(output, [{ name: "filepath", type: "string", values: mined.filepaths }]);
  const summary = miningSummary(mined, options, output);
  await writeAtomic(join(dirname(output), "mining_summary.txt"), summary);
  io.stdout.write(summary);
}

async function readRows(path: string): Promise<{ rows: MiningRow[]; labelled: boolean }> {
  const { columns, rows } = await readParquet(path);
  for (const column of ["filepath", "embedding"]) {
    if (!columns.includes(column)) throw new EngineFailure("KeyError", `'${column}'`);
  }
  if (rows.length === 0) {
    throw new EngineFailure("ValueError", `cannot reshape array of size 0: ${path} has no embeddings`);
  }
  return {
    labelled: columns.includes("label"),
    rows: rows.map((row) => {
      const embedding = listCell(row, "embedding");
      if (embedding === undefined) throw new EngineFailure("ValueError", `${path} holds a row without an embedding`);
      return { filepath: textCell(row, "filepath"), label: textCell(row, "label"), embedding };
    }),
  };
}
