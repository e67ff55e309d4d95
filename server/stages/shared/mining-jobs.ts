import { isAbsolute, join } from "node:path";
import type { StageContext } from "../../ports/stage.ts";
import type { JobSpec } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { offlineEnv, stageJob } from "./job.ts";

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
  };
}

/** Embeds the targets and the pool with one encoder, then finds the pool's nearest images (tao-stages 2.8). */
export function miningJobs(context: StageContext): JobSpec[] {
  const places = miningPlaces(context);
  const { model_path } = encoder(context);
  const local = isAbsolute(model_path);
  const job = (name: string, argv: readonly string[], log_path: string) =>
    stageJob(context, "data_mining", {
      name,
      image: "tao_ds",
      argv,
      workdir: places.dir,
      log_path,
      reads: [context.state.config.mining_images_root ?? "", local ? model_path : ""],
      env: local ? offlineEnv : {},
    });
  const embed = ["embedding", "image_embeddings", "-e", places.embedding_spec];
  const nearest = ["tmm", "nearest_neighbors", "-e", places.mining_spec];
  return [
    job(
      "target_embeddings",
      [...embed, `input_parquet=${places.targets}`, `output_parquet=${places.target_embeddings}`],
      places.target_log,
    ),
    job(
      "source_embeddings",
      [...embed, `input_parquet=${places.source}`, `output_parquet=${places.source_embeddings}`],
      places.source_log,
    ),
    job(
      "nearest_neighbors",
      [
        ...nearest,
        `source_parquet=${places.source_embeddings}`,
        `target_parquet=${places.target_embeddings}`,
        `output_parquet=${places.mined_raw}`,
      ],
      places.knn_log,
    ),
  ];
}

/** Text of both specs; every value that has a default elsewhere is spelled out. */
export function miningSpecs(context: StageContext): { embedding: string; mining: string } {
  const { model, model_path } = encoder(context);
  const { top_k_per_target, metric, filter_by_label } = context.state.config.mining_filter;
  return {
    embedding: `model: ${model}\nmodel_path: ${model_path}\nbatch_size: 64\n`,
    mining: `topn: ${top_k_per_target}\nknn_metric: ${metric}\nfilter_by_label: "${filter_by_label === true}"\n`,
  };
}

function encoder(context: StageContext): { model: string; model_path: string } {
  const { model, model_path } = context.state.config.mining_filter;
  return { model: model ?? "SigLIP", model_path: model_path ?? "google/siglip-base-patch16-224" };
}
