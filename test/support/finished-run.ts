import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { IterationState, LogEntry, RunState } from "../../server/run/state.ts";

/** A run directory on disk whose loop has ended: baseline and iterations, one after another, at one minute a stage. */
export type FinishedRun = {
  readonly workspace: string;
  readonly runDir: string;
  readonly state: RunState;
  readonly log: readonly LogEntry[];
  remove(): Promise<void>;
};

/** FAR in percent by iteration, from the baseline on. */
const farByIteration = [52, 12.5, 3.11];

/** Writes a finished run below a fresh temporary workspace; `change` edits the state before it is written. */
export async function finishedRun(
  wish: { far_pct?: readonly number[]; change?: (state: RunState) => void } = {},
): Promise<FinishedRun> {
  const workspace = await mkdtemp(join(tmpdir(), "deft-report-"));
  const runDir = join(workspace, "results", "run_20261121_090000");
  await mkdir(runDir, { recursive: true });
  const far = wish.far_pct ?? farByIteration;
  const state = stateOf(workspace, runDir, far);
  wish.change?.(state);
  const log = logOf(far.length);
  await put(join(runDir, "deft_state.json"), JSON.stringify(state, null, 2));
  await put(join(runDir, "loop_log.jsonl"), log.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  return { workspace, runDir, state, log, remove: () => rm(workspace, { recursive: true, force: true }) };
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

function stateOf(workspace: string, runDir: string, far: readonly number[]): RunState {
  const metric_contract: RunState["metric_contract"] = {
    name: "far_pct",
    display_name: "FAR",
    operator: "<",
    target: 0.5,
    unit: "%",
    evaluator: { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct: 100 } },
    constraints: [{ name: "recall_pct", operator: ">=", target: 100, unit: "%" }],
  };
  return {
    version: 2,
    started_at: "2026-11-21T09:00:00+00:00",
    status: "complete",
    kpi_target: "FAR < 0.5% at recall=100%",
    results_dir: runDir,
    max_iterations: far.length - 1,
    current_iteration: far.length - 1,
    config: configOf(workspace),
    iterations: Object.fromEntries(
      far.map((value, at) => [labelOf(at), iterationOf(runDir, at, value)]),
    ) as RunState["iterations"],
    metric_contract,
    plan: {
      plan_id: "a".repeat(64),
      platform: "embedded",
      workspace,
      parameters: {
        max_iterations: { value: far.length - 1, source: "user" },
        num_epochs: { value: 10, source: "spec" },
        num_SDG: { value: 20, source: "default" },
      },
      inputs: {},
      metric_contract,
    },
    approvals: [{ plan_id: "a".repeat(64), how: "elicited", at: "2026-11-21T08:59:30+00:00", client: "inspector 1.0" }],
    acknowledgements: [],
    pins: { [join(runDir, "baseline", "inference", "best_val", "inference.csv")]: "b".repeat(64) },
    stop_reason: "max_iterations",
    completed_at: "2026-11-21T10:00:00+00:00",
  };
}

const labelOf = (at: number) => (at === 0 ? "baseline" : `iter${at}`);

function iterationOf(runDir: string, at: number, far_pct: number): IterationState {
  const label = labelOf(at);
  return {
    status: "complete",
    stage_completed: at === 0 ? "rca" : "evaluate",
    best_ckpt_path: join(runDir, label, "train", "model_epoch_009_step_00100.pth"),
    best_ckpt_kind: "best_val",
    training_spec: join(runDir, label, `${label}_spec.yaml`),
    val_loss: 0.4 / (at + 1),
    inference_csv: join(runDir, label, "inference", "best_val", "inference.csv"),
    threshold: 0.3,
    far_pct,
    metric_result: {
      name: "far_pct",
      value: far_pct,
      unit: "%",
      threshold: 0.3,
      constraints: { recall_pct: 100 },
      passed: far_pct < 0.5,
    },
    ledger: at === 0 ? { base: 200 } : { requested: 20, allocated: 20, generated: 20, paired: 20, mined: 30 - 5 * at },
    warnings: at === 2 ? ["Mining yield dropped 60% (iter1: 25 → iter2: 20)"] : [],
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

function logOf(iterations: number): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let at = 0; at < iterations; at++) {
    const stages = at === 0 ? [] : ["routing", "anomalygen", "data_mining", "data_merge"];
    stages.push("train", "evaluate", ...(at < iterations - 1 ? ["rca"] : ["loop_stop"]));
    for (const stage of stages) entries.push(entryOf(entries.length + 1, labelOf(at), stage));
  }
  return entries;
}

function entryOf(seq: number, iter: string, stage: string): LogEntry {
  const ts = new Date(Date.UTC(2026, 10, 21, 9, seq)).toISOString().replace("Z", "000Z");
  const tokens = { n_messages: 3, input: 900 + seq, output: 100, cache_read: 50, cache_create: 0 };
  return {
    seq,
    ts,
    iter,
    stage,
    status: "ok",
    summary: `${stage} of ${iter}`,
    duration_sec: 50,
    context_tokens: 1000,
    tokens,
  };
}
