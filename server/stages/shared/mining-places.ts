import { join } from "node:path";
import type { StageContext } from "../../ports/stage.ts";
import { runPaths } from "../../run/paths.ts";

/** Where one mining attempt writes (tao-stages 1.8); container outputs here, the training contribution elsewhere. */
export function miningPlaces(context: StageContext) {
  const dir = join(runPaths(context.runDir).iteration(context.iteration), "mining_results", context.stamp);
  const at = (name: string) => join(dir, name);
  return {
    dir,
    embedding_spec: at("embedding_spec.yaml"),
    mining_spec: at("mining_spec.yaml"),
    /** A bare spec name makes the tasks look for this directory; it costs nothing to have it. */
    experiment_specs: at("experiment_specs"),
    targets: at("targets.parquet"),
    source: at("source_pool.parquet"),
    target_embeddings: at("target_embeddings.parquet"),
    source_embeddings: at("source_embeddings.parquet"),
    mined_raw: at("mined_raw.parquet"),
    candidates: at("mined_candidates.parquet"),
    mined: at("mined.parquet"),
    knn_summary: at("knn_summary.csv"),
    history_summary: at("mining_history_summary.json"),
    target_log: at("target_embeddings.log"),
    source_log: at("source_embeddings.log"),
    knn_log: at("nearest_neighbors.log"),
    /** What the model scores of the pool, where the rule asks for it. */
    pool_rows: at("pool_rows.csv"),
    pool_spec: at("pool_inference_spec.yaml"),
    pool_scores: at("pool_scores"),
  };
}
