import { isAbsolute } from "node:path";
import type { StageContext } from "../../ports/stage.ts";
import type { JobSpec } from "../../run/job.ts";
import type { MiningRule } from "../../run/labels.ts";
import { offlineEnv, stageJob } from "./job.ts";
import { miningPlaces } from "./mining-places.ts";
import type { Pool } from "./pool-rows.ts";
import { poolScoresJob, scorableRows } from "./pool-scores.ts";

/** The rule of the run; one that was planned before there was a choice mines by the vendor's. */
export function miningRule(context: StageContext): MiningRule {
  return context.state.config.mining_filter.rule ?? "vendor";
}

/** Whether the current model is asked about the pool. */
export function scoresPool(context: StageContext, pool: Pool): boolean {
  return miningRule(context) === "pool_error" && scorableRows(context, pool).next().done === false;
}

/**
 * Embeds the targets and the pool with one encoder; then the vendor's program finds the pool's nearest images
 * (tao-stages 2.8), or the model scores the pool and the server chooses.
 */
export function miningJobs(context: StageContext, pool: Pool): JobSpec[] {
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
  const embeddings = [
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
  ];
  if (miningRule(context) !== "vendor") {
    return scoresPool(context, pool) ? [...embeddings, poolScoresJob(context)] : embeddings;
  }
  const tables = [`source_parquet=${places.source_embeddings}`, `target_parquet=${places.target_embeddings}`];
  const nearest = ["tmm", "nearest_neighbors", "-e", places.mining_spec, ...tables];
  return [...embeddings, job("nearest_neighbors", [...nearest, `output_parquet=${places.mined_raw}`], places.knn_log)];
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
