import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createState } from "../../server/journal/journal.ts";
import type { Deps } from "../../server/ports/call.ts";
import { planId } from "../../server/preflight/plan-id.ts";
import type { RunState } from "../../server/run/state.ts";

const metric_contract: RunState["metric_contract"] = {
  name: "far_pct",
  display_name: "FAR",
  operator: "<",
  target: 1,
  unit: "%",
  evaluator: { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct: 99 } },
  constraints: [{ name: "recall_pct", operator: ">=", target: 99, unit: "%" }],
};

/** A run state with every required field; override what a test is about. */
export function aState(runDir: string, patch: Partial<RunState> = {}): RunState {
  const workspace = join(runDir, "..", "..");
  const content = { platform: "embedded", workspace, parameters: {}, inputs: {}, metric_contract } as const;
  const plan = { plan_id: planId(content), ...content };
  return {
    version: 2,
    started_at: "2026-11-21T10:00:00+00:00",
    status: "in_progress",
    kpi_target: "FAR < 1% at recall=99%",
    results_dir: runDir,
    max_iterations: 2,
    current_iteration: 0,
    config: {
      specs_file: join(workspace, "specs", "baseline_spec.yaml"),
      training_csv: join(workspace, "train", "base", "training_set.csv"),
      validation_csv: join(workspace, "train", "base", "validation_set.csv"),
      kpi_test_csv: join(workspace, "kpi", "testing_set.csv"),
      images_dir: join(workspace, "kpi", "images"),
      backbone_weight_dir: join(workspace, "augmentation", "backbone"),
      train_container: "test",
      num_gpus: 1,
      batch_size: 16,
      num_epochs: 4,
      workspace,
      platform: "embedded",
      engine: "test",
      seed: 1,
      synthetic_only: false,
      anomalygen: {
        mode: "inference_only",
        project: "board",
        defect_spec: "",
        checkpoint_dir: "",
        dataset_dir_source: "",
        step: 0,
        num_SDG: 20,
        container: "test",
        supported_labels: ["PASS"],
      },
      mining_filter: { top_k_per_target: 5, metric: "cosine", min_similarity: 0.9 },
      rca: { top_k_per_label: 50, min_recall: 0.99 },
    },
    iterations: {},
    metric_contract,
    plan,
    approvals: [{ plan_id: plan.plan_id, how: "elicited", at: "2026-11-21T10:00:00+00:00" }],
    acknowledgements: [],
    pins: {},
    ...patch,
  };
}

/** A run on disk below `folder`, with nothing done yet. */
export async function aRun(folder: string, patch: Partial<RunState> = {}): Promise<string> {
  const runDir = join(folder, "results", "run_20261121_100000");
  await mkdir(join(runDir, "jobs"), { recursive: true });
  await createState(runDir, aState(runDir, patch));
  return runDir;
}

/** Dependencies that a test decides: a clock that stands still, counted ids, no environment. */
export function testDeps(patch: Partial<Deps> = {}): Deps {
  let count = 0;
  return {
    clock: { now: () => new Date("2026-11-21T10:00:00Z") },
    ids: { hex: (length) => String(++count).padStart(length, "0") },
    env: {},
    cwd: "/",
    executors: {},
    ...patch,
  };
}
