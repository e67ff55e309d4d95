import { recallTargetPct } from "../kpi/metric-contract.ts";
import { defined } from "../run/defined.ts";
import type { MiningRule } from "../run/labels.ts";
import type { MetricContract } from "../run/metric.ts";
import { workspacePaths } from "../run/paths.ts";
import { valuesOf } from "../run/platform-settings.ts";
import type { RunConfig } from "../run/state.ts";
import type { CsvFacts, Parameters, Survey } from "./survey.ts";

/** A survey whose ground is complete: every input was found and nothing halted. */
export type Ready = Survey & {
  readonly spec: NonNullable<Survey["spec"]>;
  readonly platform: NonNullable<Survey["platform"]>;
  readonly executor: NonNullable<Survey["executor"]>;
  readonly contract: MetricContract;
  readonly images_dir: string;
  readonly csvs: Readonly<Record<"training_csv" | "validation_csv" | "kpi_csv", CsvFacts>> & Survey["csvs"];
};

/**
 * The `config` block of a new run's state: published field names (tao-stages 5.1, 5.2), absolute paths, our own
 * additions beside them. The run-bound `resolved_mining_pool_csv` is added when the run is created.
 */
export function buildConfig(survey: Ready): RunConfig {
  const { parameters, csvs, pool } = survey;
  const limit = parameters.stage_time_limit_sec?.value;
  return {
    specs_file: survey.spec.path,
    training_csv: csvs.training_csv.path,
    validation_csv: csvs.validation_csv.path,
    kpi_test_csv: csvs.kpi_csv.path,
    ...defined({ holdout_csv: csvs.holdout_csv?.path }),
    images_dir: survey.images_dir,
    backbone_weight_dir: workspacePaths(survey.workspace).backboneDir,
    ...(pool === undefined ? {} : { mining_pool_csv: pool.path, mining_images_root: survey.images_dir }),
    train_container: survey.containers?.tao_pyt?.uri ?? engineOf(survey),
    num_gpus: numberOf(parameters, "num_gpus"),
    batch_size: numberOf(parameters, "batch_size"),
    num_epochs: numberOf(parameters, "num_epochs"),
    workspace: survey.workspace,
    platform: survey.platform,
    ...settingsIn(survey),
    engine: engineOf(survey),
    seed: numberOf(parameters, "seed"),
    ...defined({ stage_time_limit_sec: typeof limit === "number" ? limit : undefined }),
    synthetic_only: parameters.synthetic_only?.value === true,
    anomalygen: anomalygenConfig(survey),
    mining_filter: {
      sub_skill: "tao-mine-aoi-images",
      top_k_per_target: numberOf(parameters, "top_k"),
      metric: "cosine",
      min_similarity: numberOf(parameters, "min_similarity"),
      ...defined({
        rule: parameters.mining?.value as MiningRule | undefined,
        rows_per_iteration: parameters.rows_per_iteration?.value as number | undefined,
        mined_pass_pct: parameters.mined_pass_pct?.value as number | undefined,
      }),
      history_aware: true,
      ...defined({ model_path: survey.embeddings?.path ?? survey.encoder }),
    },
    rca: {
      top_k_per_label: numberOf(parameters, "top_k_per_label"),
      min_recall: recallTargetPct(survey.contract) / 100,
    },
  };
}

function settingsIn({ settings = {} }: Ready): Pick<RunConfig, "platform_settings"> {
  return Object.keys(settings).length === 0 ? {} : { platform_settings: valuesOf(settings) };
}

/** What produces the figures: an image that does not hold the vendor's programs says so itself. */
function engineOf({ containers, executor, engine }: Ready): string {
  const image = containers?.tao_pyt;
  if (image === undefined) return engine ?? executor.engine;
  return image.engine ?? `NVIDIA TAO Visual ChangeNet (${image.uri})`;
}

function anomalygenConfig(survey: Ready): RunConfig["anomalygen"] {
  const { generator, parameters } = survey;
  return {
    sub_skill: "paidf-anomalygen",
    mode: "inference_only",
    project: generator?.project ?? "",
    defect_spec: generator?.defect_spec ?? "",
    checkpoint_dir: generator?.checkpoint_dir ?? "",
    dataset_dir_source: generator?.dataset_dir ?? "",
    step: generator?.step ?? 0,
    num_SDG: numberOf(parameters, "num_sdg"),
    seed: numberOf(parameters, "generator_seed"),
    model_size: parameters.generator_model_size?.value === "14b" ? "14b" : "2b",
    container: survey.containers?.anomalygen?.uri ?? engineOf(survey),
    supported_labels: [...(generator?.supported_labels ?? [])],
  };
}

function numberOf(parameters: Parameters, name: string): number {
  const value = parameters[name]?.value;
  if (typeof value !== "number") throw new TypeError(`parameter ${name} is not resolved`);
  return value;
}
