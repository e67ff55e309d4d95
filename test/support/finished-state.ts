import { join } from "node:path";
import type { IterationState, RunState } from "../../server/run/state.ts";

/** How large a made-up run is and how well it does. */
export type RunShape = {
  /** By iteration, from the baseline on. */
  readonly far_pct: readonly number[];
  readonly pass_rows: number;
  /** Count by label. */
  readonly defects: Readonly<Record<string, number>>;
  readonly base_rows: number;
  /** KPI rows share this many image files; 0 writes none. */
  readonly distinct_images: number;
};

const metric_contract: RunState["metric_contract"] = {
  name: "far_pct",
  display_name: "FAR",
  operator: "<",
  target: 0.5,
  unit: "%",
  evaluator: { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct: 100 } },
  constraints: [{ name: "recall_pct", operator: ">=", target: 100, unit: "%" }],
};

/** The state of a finished run of that shape. */
export function finishedState(workspace: string, runDir: string, shape: RunShape): RunState {
  const last = shape.far_pct.length - 1;
  const iterations = shape.far_pct.map((_, at) => [
    at === 0 ? "baseline" : `iter${at}`,
    iterationOf(runDir, shape, at),
  ]);
  return {
    version: 2,
    started_at: "2026-11-21T09:00:00+00:00",
    status: "complete",
    kpi_target: "FAR < 0.5% at recall=100%",
    results_dir: runDir,
    max_iterations: Math.max(1, last),
    current_iteration: last,
    config: configOf(workspace),
    iterations: Object.fromEntries(iterations) as RunState["iterations"],
    metric_contract,
    plan: {
      plan_id: "a".repeat(64),
      platform: "embedded",
      workspace,
      parameters: {
        max_iterations: { value: last, source: "user" },
        num_epochs: { value: 10, source: "spec" },
        num_SDG: { value: 20, source: "default" },
      },
      inputs: { training_csv: { path: join(workspace, "train", "base", "training_set.csv"), sha256: "c".repeat(64) } },
      metric_contract,
    },
    approvals: [{ plan_id: "a".repeat(64), how: "elicited", at: "2026-11-21T08:59:30+00:00", client: "inspector 1.0" }],
    acknowledgements: [],
    pins: { [join(runDir, "baseline", "inference", "best_val", "inference.csv")]: "b".repeat(64) },
    stop_reason: "max_iterations",
    completed_at: "2026-11-21T10:00:00+00:00",
  };
}

function iterationOf(runDir: string, shape: RunShape, at: number): IterationState {
  const label = at === 0 ? "baseline" : `iter${at}`;
  const dir = join(runDir, label);
  const far = Math.round(((shape.far_pct[at] ?? 0) * shape.pass_rows) / 100) / shape.pass_rows;
  const far_pct = 100 * far;
  const recalled = Object.keys(shape.defects).length > 0;
  return {
    status: "complete",
    stage_completed: at === shape.far_pct.length - 1 ? "evaluate" : "rca",
    best_ckpt_path: join(dir, "train", "model_epoch_009_step_00100.pth"),
    best_ckpt_kind: "best_val",
    training_spec: join(dir, `${label}_spec.yaml`),
    val_loss: 0.4 / (at + 1),
    inference_csv: join(dir, "inference", "best_val", "inference.csv"),
    threshold: 0.3,
    far_pct,
    metric_result: {
      name: "far_pct",
      value: far_pct,
      unit: "%",
      threshold: 0.3,
      constraints: recalled ? { recall_pct: 100 } : {},
      passed: far_pct < 0.5,
    },
    ...(at === 0 ? { ledger: { kpi_rows: shape.pass_rows } } : addedBy(dir, label)),
    warnings: at === 2 ? ["Mining yield dropped 60% (iter1: 25 → iter2: 10)"] : [],
  };
}

function addedBy(dir: string, label: string): Partial<IterationState> {
  return {
    ledger: {
      gap_rows: 60,
      mining_targets: 60,
      mining_candidates: 40,
      mining_pass_pct: 87.5,
      generated: 20,
      mined: 25,
    },
    anomalygen_sdg_csv: join(dir, "anomalygen", "sdg", "SDG_result.csv"),
    anomalygen_amp_allocated: 20,
    mining_mined_count: 25,
    mining_summary: join(dir, "mining_filter", "knn_summary.csv"),
    mining_history_summary: join(dir, "mining_results", "mining_history_summary.json"),
    combined_training_csv: join(dir, "dataset", `train_combined_${label}.csv`),
    provenance_csv: join(dir, "dataset", `train_combined_${label}_provenance.csv`),
  };
}

function configOf(workspace: string): RunState["config"] {
  return {
    specs_file: join(workspace, "specs", "baseline_spec.yaml"),
    training_csv: join(workspace, "train", "base", "training_set.csv"),
    validation_csv: join(workspace, "train", "base", "validation_set.csv"),
    kpi_test_csv: join(workspace, "kpi", "testing_set.csv"),
    images_dir: join(workspace, "images"),
    backbone_weight_dir: join(workspace, "augmentation", "backbone"),
    train_container: "embedded",
    num_gpus: 0,
    batch_size: 16,
    num_epochs: 10,
    workspace,
    platform: "embedded",
    engine: "deft-mcp embedded engine 0.1.0",
    seed: 1,
    synthetic_only: false,
    anomalygen: {
      mode: "inference_only",
      project: "nvpcb",
      defect_spec: join(workspace, "defect_spec.jsonl"),
      checkpoint_dir: workspace,
      dataset_dir_source: workspace,
      step: 14000,
      num_SDG: 20,
      container: "embedded",
      supported_labels: ["missing", "bridge"],
    },
    mining_filter: { top_k_per_target: 5, metric: "cosine", min_similarity: 0.9 },
    rca: { top_k_per_label: 50, min_recall: 1 },
  };
}
