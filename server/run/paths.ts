import { join } from "node:path";
import type { IterationLabel } from "./labels.ts";

/** Where everything of one run lies; all paths absolute (tao-stages 1.8). */
export function runPaths(runDir: string) {
  return {
    state: join(runDir, "deft_state.json"),
    log: join(runDir, "loop_log.jsonl"),
    /** What was committed last, one file a revision (server/journal/records.ts). */
    commits: join(runDir, "commits"),
    report: join(runDir, "DEFT_Loop_Report.html"),
    bestModel: join(runDir, "best_model.json"),
    inferenceSpec: join(runDir, "best_model_inference_spec.yaml"),
    miningHistory: join(runDir, "mining_history.json"),
    resolvedPool: join(runDir, "inputs", "mining_pool.resolved.csv"),
    inputs: join(runDir, "inputs"),
    imageDigests: join(runDir, "inputs", "image_digests.jsonl"),
    jobs: join(runDir, "jobs"),
    /** The record of one job; what others note of the job lies beside it. */
    jobRecord: (id: string) => join(runDir, "jobs", `${id}.json`),
    lock: join(runDir, ".lock"),
    iteration: (label: IterationLabel) => join(runDir, label),
  };
}

/** Where the inputs of a workspace lie; all paths absolute (tao-stages 1.1). */
export function workspacePaths(workspace: string) {
  return {
    spec: join(workspace, "specs", "baseline_spec.yaml"),
    trainingCsv: join(workspace, "train", "base", "training_set.csv"),
    validationCsv: join(workspace, "train", "base", "validation_set.csv"),
    kpiCsv: join(workspace, "kpi", "testing_set.csv"),
    /** The frozen test set, which nothing but the end of a run looks at. Optional. Ours. */
    holdoutCsv: join(workspace, "kpi", "holdout_set.csv"),
    images: join(workspace, "images"),
    legacyImages: join(workspace, "kpi", "images"),
    backboneDir: join(workspace, "augmentation", "backbone"),
    poolCsv: join(workspace, "augmentation", "mining_pool", "mining_pool.csv"),
    /** Vectors by `filepath`, computed elsewhere. Optional. Ours. */
    poolEmbeddings: join(workspace, "augmentation", "mining_pool", "embeddings.parquet"),
    anomalygen: join(workspace, "augmentation", "anomalygen"),
    results: join(workspace, "results"),
  };
}
