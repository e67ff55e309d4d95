import { dirname, join } from "node:path";
import { findNearest, type NearestRows, type Progress } from "../../server/data/nearest.ts";
import { writeParquet } from "../../server/data/parquet.ts";
import { Refusal } from "../../server/errors.ts";
import { makeDirectory, writeAtomic } from "../../server/fs/atomic.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine, realPath } from "../io.ts";
import { gatherMined, miningSummary } from "../mining/neighbors.ts";
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
  const tables = { source: path("source_parquet"), targets: path("target_parquet") };
  const metric = String(resolveValue(tree, "knn_metric") ?? "euclidean");
  if (metric !== "cosine" && metric !== "euclidean" && metric !== "manhattan") {
    throw new EngineFailure("ValueError", `Metric '${metric}' is not one of cosine, euclidean, manhattan.`);
  }
  const options = {
    topn: numberOr(tree, "topn", 5),
    filter_by_label: ["true", "1", "yes"].includes(String(resolveValue(tree, "filter_by_label") ?? "").toLowerCase()),
    distance_threshold: numberOr(tree, "distance_threshold", -1),
  };
  const nearest = await nearestOf(tables, { metric, k: options.topn }, io);
  if (options.filter_by_label && nearest.unlabelled.length > 0) {
    options.filter_by_label = false;
    const where = nearest.unlabelled.join(", ");
    logLine(
      io,
      "WARNING",
      `filter_by_label is enabled but the 'label' column is missing from: ${where}. Skipping label filtering`,
    );
  }
  const mined = gatherMined(nearest, options);
  await makeDirectory(dirname(output));
  await writeParquet(output, [{ name: "filepath", type: "string", values: mined.filepaths }]);
  const summary = miningSummary(mined, options, output);
  await writeAtomic(join(dirname(output), "mining_summary.txt"), summary);
  io.stdout.write(summary);
}

/** Rows between two lines of progress. */
const told = 100_000;

type Asked = Parameters<typeof findNearest>;

async function nearestOf(tables: Asked[0], asked: Asked[1], io: EngineIo): Promise<NearestRows> {
  let next = told;
  const onProgress = ({ rows, of }: Progress): void => {
    if (rows < next) return;
    next = rows + told;
    logLine(io, "INFO", `Compared ${rows} of ${of} rows.`);
  };
  try {
    return await findNearest(tables, asked, { onProgress });
  } catch (error) {
    const missing = error instanceof Refusal ? error.facts.missing : undefined;
    if (Array.isArray(missing)) throw new EngineFailure("KeyError", `'${missing[0]}'`, { cause: error });
    throw error;
  }
}
