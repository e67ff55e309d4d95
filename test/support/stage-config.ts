import { join } from "node:path";
import type { IterationState, RunConfig, RunState } from "../../server/run/state.ts";

/** The config of a run in a small workspace. */
export function configOf(workspace: string): RunConfig {
  const dataset = join(workspace, "augmentation", "anomalygen", "datasets", "board");
  return {
    specs_file: join(workspace, "specs", "baseline_spec.yaml"),
    training_csv: join(workspace, "train", "base", "training_set.csv"),
    validation_csv: join(workspace, "train", "base", "validation_set.csv"),
    kpi_test_csv: join(workspace, "kpi", "testing_set.csv"),
    images_dir: join(workspace, "images"),
    backbone_weight_dir: join(workspace, "augmentation", "backbone"),
    mining_pool_csv: join(workspace, "augmentation", "mining_pool", "mining_pool.csv"),
    mining_images_root: join(workspace, "augmentation", "mining_pool"),
    train_container: "tao",
    num_gpus: 1,
    batch_size: 4,
    num_epochs: 10,
    workspace,
    platform: "embedded",
    engine: "test engine",
    seed: 1,
    synthetic_only: false,
    anomalygen: {
      mode: "inference_only",
      project: "board",
      defect_spec: join(dataset, "defect_spec.jsonl"),
      checkpoint_dir: join(workspace, "augmentation", "anomalygen", "checkpoints", "board"),
      dataset_dir_source: dataset,
      step: 14_000,
      num_SDG: 4,
      container: "anomalygen",
      supported_labels: ["PASS", "BRIDGE", "MISSING"],
    },
    mining_filter: { top_k_per_target: 2, metric: "cosine", min_similarity: 0.9 },
    rca: { top_k_per_label: 2, min_recall: 1 },
  };
}

/** The state of a run that has these iterations so far. */
export function stateOf(config: RunConfig, runDir: string, iterations: Record<string, IterationState>): RunState {
  const metric_contract: RunState["metric_contract"] = {
    name: "far_pct",
    display_name: "FAR",
    operator: "<",
    target: 1,
    unit: "%",
    evaluator: { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct: 100 } },
    constraints: [{ name: "recall_pct", operator: ">=", target: 100, unit: "%" }],
  };
  return {
    version: 2,
    started_at: "2026-01-01T00:00:00+00:00",
    status: "in_progress",
    kpi_target: "FAR < 1% at recall=100%",
    results_dir: runDir,
    max_iterations: 3,
    current_iteration: 0,
    config,
    iterations,
    metric_contract,
    plan: {
      plan_id: "plan",
      platform: "embedded",
      workspace: config.workspace,
      parameters: {},
      inputs: {},
      metric_contract,
    },
    approvals: [],
    acknowledgements: [],
    pins: {},
  };
}

/** A train spec as published, with container paths. */
export function specText(lightings: readonly string[]): string {
  const inputMap = lightings.map((name, at) => `      ${name}: ${at}`).join("\n");
  return `# A small board
encryption_key: tlt_encode
task: classify
results_dir: /results  # replaced at launch
train:
  num_epochs: 10
  validation_interval: 10
  checkpoint_interval: 5
  resume_training_checkpoint_path: null
  pretrained_model_path: null
  results_dir: \${results_dir}/train
  classify:
    loss: ce
    cls_weight: [1.0, 10.0]
  optim:
    lr: 1.0e-5  # small
model:
  backbone:
    type: c_radio_v2_vit_base_patch16_224
    pretrained_backbone_path: /data/pretrained_models/C-RADIOv2_B.pth
    freeze_backbone: false
  classify:
    eval_margin: 0.3
    difference_module: learnable
dataset:
  classify:
    train_dataset:
      csv_path: /data/datasets/NV_PCB_Siamese/csv/training_set.csv
      images_dir: /data/datasets/NV_PCB_Siamese/images
    validation_dataset:
      csv_path: /data/datasets/NV_PCB_Siamese/csv/validation_set.csv
      images_dir: /data/datasets/NV_PCB_Siamese/images
    infer_dataset:
      csv_path: /data/datasets/NV_PCB_Siamese/kpi/testing_set.csv
      images_dir: /data/datasets/NV_PCB_Siamese/images
    image_ext: .jpg
    batch_size: 16
    num_input: ${lightings.length}
    input_map:
${inputMap}
    augmentation_config:
      augment: true
inference:
  checkpoint: \${results_dir}/train/changenet_model_classify_latest.pth
`;
}
