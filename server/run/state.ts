import { z } from "zod";
import { iterationLabelPattern, miningRules, platforms } from "./labels.ts";
import { countsSchema, metricContractSchema, metricResultSchema } from "./metric.ts";
import { settingsSchema, settingValueSchema } from "./platform-settings.ts";

/** What the row ledger of an iteration counts, in the order in which its stages find it. None is ever taken off the list. */
const ledgerCounts = [
  "gap_rows",
  "routed_mining",
  "routed_anomalygen",
  "routed_dropped",
  "requested",
  "allocated",
  "placed",
  "generated",
  "guardrail_blocked",
  "paired",
  "mining_targets",
  "mining_pool_rows",
  "mining_candidates",
  "mining_below_floor",
  "mining_pass_pct",
  "mining_wanted",
  "mining_rounds",
  "mining_repeated",
  "mining_taken_before",
  "mined",
  "mined_pass",
  "earlier_rows",
  "added_rows",
  "new_unique_rows",
  "train_rows",
  "checkpoints",
  "epochs",
  "kpi_rows",
  "checkpoints_compared",
  "weak_samples",
  "gap_images",
] as const;
export type LedgerCount = (typeof ledgerCounts)[number];

/** One iteration; field names and meanings of the published schema (tao-stages 5.3), all paths absolute. */
export const iterationStateSchema = z.looseObject({
  status: z.enum(["pending", "in_progress", "complete", "failed"]).optional(),
  stage_completed: z.string().optional(),
  best_ckpt_path: z.string().optional(),
  best_ckpt_kind: z.enum(["best_val", "best_metric", "latest"]).optional(),
  /** Checkpoint files that evaluate compares: kind to path. Ours. */
  candidate_ckpts: z.record(z.string(), z.string()).optional(),
  training_spec: z.string().optional(),
  val_loss: z.number().nullable().optional(),
  inference_csv: z.string().optional(),
  threshold: z.number().optional(),
  far_pct: z.number().optional(),
  metric_result: metricResultSchema.optional(),
  /** Says that FAR changed by less than chance may. Ours. */
  gain_remark: z.string().optional(),
  rca_gaps_parquet: z.string().optional(),
  rca_threshold: z.number().optional(),
  rca_target_defects: z.array(z.string()).optional(),
  /** The weakest parts with suspected causes, for a person to look at. Ours. */
  rca_spot_check: z.string().optional(),
  rca_suspected_causes: z.record(z.string(), z.number()).optional(),
  routing_mining_parquet: z.string().optional(),
  routing_anomalygen_parquet: z.string().optional(),
  anomalygen_sdg_csv: z.string().optional(),
  anomalygen_allocation_json: z.string().optional(),
  anomalygen_amp_allocated: z.number().optional(),
  anomalygen_skipped: z.boolean().optional(),
  mining_mined_parquet: z.string().optional(),
  mining_candidate_parquet: z.string().optional(),
  mining_mined_count: z.number().optional(),
  mining_summary: z.string().optional(),
  mining_history: z.string().optional(),
  mining_history_summary: z.string().optional(),
  mining_target_embeddings: z.string().optional(),
  mining_source_embeddings: z.string().optional(),
  mining_target_log: z.string().optional(),
  mining_source_log: z.string().optional(),
  mining_knn_log: z.string().optional(),
  data_mining_skipped: z.boolean().optional(),
  combined_training_csv: z.string().optional(),
  provenance_csv: z.string().optional(),
  merge_validation_report: z.string().optional(),
  source: z.string().optional(),
  /** Stages taken over from another program, with the reason. Ours. */
  adopted: z.array(z.string()).optional(),
  /** Ours. */
  ledger: z.partialRecord(z.enum(ledgerCounts), z.number()).optional(),
  warnings: z.array(z.string()).optional(),
  /** The settings that its stages used, as the plan stood when they were committed. Ours. */
  settings: z.record(z.string(), z.unknown()).optional(),
  /** What scored the KPI set: digest of the installation, or of the image. Ours. */
  program: z.string().optional(),
});
export type IterationState = z.infer<typeof iterationStateSchema>;

/** The resolved parameters and inputs that a human approves; its id is a hash over all of it. */
export const planSchema = z.looseObject({
  plan_id: z.string(),
  platform: z.enum(platforms),
  workspace: z.string(),
  /** Value and where it came from, by parameter name. */
  parameters: z.record(z.string(), z.object({ value: z.unknown(), source: z.enum(["user", "spec", "default"]) })),
  /** Resolved inputs: path, sha256 or intent, by input name. */
  inputs: z.record(z.string(), z.record(z.string(), z.unknown())),
  metric_contract: metricContractSchema,
  adopts: z.record(z.string(), z.unknown()).optional(),
  /** What was set of the platform, with its source. */
  platform_settings: settingsSchema.optional(),
  /** Digest of the installation that will score, when it was planned. */
  program: z.string().optional(),
});
export type Plan = z.infer<typeof planSchema>;

/** Who was at the other end, as an issuer of access tokens vouches for them. */
export const userSchema = z.object({ issuer: z.string(), subject: z.string(), name: z.string().optional() });
export type User = z.infer<typeof userSchema>;

export const approvalSchema = z.object({
  plan_id: z.string(),
  /** How the human said yes: design.md, four ways to approve. */
  how: z.enum(["elicited", "console", "relayed", "preauthorised", "signed"]),
  at: z.string(),
  /** The human's own words, for `relayed`. */
  words: z.string().optional(),
  /** What the client calls itself: nothing proves it. */
  client: z.string().optional(),
  /** Over HTTP with an issuer: who was connected. */
  user: userSchema.optional(),
  /** Whether it was typed at a terminal of this program. */
  terminal: z.boolean().optional(),
  /** For `signed`: whose key, by the file of allowed signers, and the signature over the plan's statement. */
  signer: z.string().optional(),
  signature: z.string().optional(),
});
export type Approval = z.infer<typeof approvalSchema>;

/** How far a figure was proved: scored again as a whole, in part, or not at all. */
export const evidenceLevels = ["reproduced", "sampled", "self-reported"] as const;
export type EvidenceLevel = (typeof evidenceLevels)[number];

/** What came of scoring the KPI set of an iteration again, from its checkpoint and its images. */
export const scoreProofSchema = z.looseObject({
  level: z.enum(evidenceLevels),
  iteration: z.string(),
  /** Rows that were scored again, of so many. */
  rows: z.number(),
  of_rows: z.number(),
  differing: z.number(),
  largest_difference: z.number(),
  tolerance: z.object({ absolute: z.number(), relative: z.number() }),
  /** FAR of the scores made again, of a whole set. */
  far_pct: z.number().optional(),
  /** What scored: digest of the installation, or of the image. */
  program: z.string().optional(),
  /** Draws the rows of a sample. */
  seed: z.string().optional(),
  at: z.string(),
});
export type ScoreProof = z.infer<typeof scoreProofSchema>;

/** How the finished model does on the frozen test set, at the threshold that its KPI figure has. Ours. */
const holdoutFigureSchema = z.looseObject({
  iteration: z.string(),
  rows: z.number(),
  threshold: z.number(),
  counts: countsSchema,
  far_pct: z.number(),
  recall_pct: z.number(),
  inference_csv: z.string(),
  /** Digest of rows, labels and images. */
  ruler: z.string(),
  /** Scorings of this set by earlier runs of the workspace: above none, it is not unseen any more. */
  earlier_scorings: z.number(),
  program: z.string().optional(),
  at: z.string(),
});
export type HoldoutFigure = z.infer<typeof holdoutFigureSchema>;

/** Two images of the run's sets that look like one but for turning, cut, size, brightness or compression. Ours. */
const twinPartSchema = z.looseObject({
  set: z.string(),
  line: z.number(),
  object_name: z.string(),
  label: z.string(),
  board: z.string().optional(),
  path: z.string(),
});
const twinPairSchema = z.object({ one: twinPartSchema, other: twinPartSchema, likeness: z.number() });
export type TwinPair = z.infer<typeof twinPairSchema>;

export const hardStopSchema = z.object({
  code: z.string(),
  message: z.string(),
  iteration: z.string(),
  stage: z.string(),
  at: z.string(),
  facts: z.record(z.string(), z.unknown()),
});
export type HardStop = z.infer<typeof hardStopSchema>;

/** One line of loop_log.jsonl; the key order is the published one, `digest` is ours. */
export const logEntrySchema = z.looseObject({
  seq: z.number().int().min(1),
  ts: z.string(),
  iter: z.string(),
  stage: z.string(),
  status: z.enum(["ok", "error"]),
  summary: z.string(),
  duration_sec: z.number().int().min(0),
  /** Ours: what the stage waited for a caller beside that. */
  waited_sec: z.number().int().min(0).optional(),
  context_tokens: z.number().int().min(0),
  entry_digest: z.string().optional(),
});
export type LogEntry = z.infer<typeof logEntrySchema>;

export const runConfigSchema = z.looseObject({
  specs_file: z.string(),
  training_csv: z.string(),
  validation_csv: z.string(),
  kpi_test_csv: z.string(),
  /** The frozen test set: scored once, at the end. Ours. */
  holdout_csv: z.string().optional(),
  images_dir: z.string(),
  backbone_weight_dir: z.string(),
  mining_pool_csv: z.string().optional(),
  mining_images_root: z.string().optional(),
  resolved_mining_pool_csv: z.string().optional(),
  train_container: z.string(),
  num_gpus: z.number(),
  batch_size: z.number(),
  num_epochs: z.number(),
  /** Ours: the workspace, the platform, the engine that produced the figures, the seed, the time limit a stage. */
  workspace: z.string(),
  platform: z.enum(platforms),
  platform_settings: z.record(z.string(), settingValueSchema).optional(),
  engine: z.string(),
  seed: z.number(),
  stage_time_limit_sec: z.number().optional(),
  synthetic_only: z.boolean(),
  anomalygen: z.looseObject({
    mode: z.literal("inference_only"),
    project: z.string(),
    defect_spec: z.string(),
    checkpoint_dir: z.string(),
    dataset_dir_source: z.string(),
    step: z.number(),
    num_SDG: z.number(),
    container: z.string(),
    supported_labels: z.array(z.string()),
    model_size: z.string().optional(),
    /** Of the first iteration; each later one adds 1. */
    seed: z.number().int().optional(),
  }),
  mining_filter: z.looseObject({
    top_k_per_target: z.number(),
    metric: z.enum(["cosine", "euclidean", "manhattan"]),
    min_similarity: z.number(),
    /** Absent in runs from before there was a choice: the vendor's k-NN. */
    rule: z.enum(miningRules).optional(),
    /** Rows that an iteration mines at most, instead of so many for its weak samples; not of the vendor's rule. */
    rows_per_iteration: z.number().int().optional(),
    /** Percent of the mined rows that are to be PASS rows; not of the vendor's rule. */
    mined_pass_pct: z.number().int().optional(),
    /** Encoder of the embeddings, by default SigLIP by its published id; an absolute path is a local snapshot, or a table of vectors. */
    model: z.string().optional(),
    model_path: z.string().optional(),
    filter_by_label: z.boolean().optional(),
  }),
  rca: z.looseObject({ top_k_per_label: z.number(), min_recall: z.number() }),
});
export type RunConfig = z.infer<typeof runConfigSchema>;

/** `deft_state.json`, version 2 with our additive keys. Unknown keys of other programs are kept. */
export const runStateSchema = z.looseObject({
  version: z.literal(2),
  started_at: z.string(),
  status: z.enum(["in_progress", "complete", "failed"]),
  kpi_target: z.string(),
  results_dir: z.string(),
  max_iterations: z.number().int().min(1),
  current_iteration: z.number().int().min(0),
  config: runConfigSchema,
  iterations: z.record(z.string().regex(iterationLabelPattern, "must be baseline or iter<N>"), iterationStateSchema),
  metric_contract: metricContractSchema,
  plan: planSchema,
  approvals: z.array(approvalSchema),
  hard_stop: hardStopSchema.optional(),
  acknowledgements: z.array(z.looseObject({ code: z.string(), at: z.string(), how: z.string() })),
  /** sha256 of artifacts that later stages use, by absolute path, taken at commit. */
  pins: z.record(z.string(), z.string()),
  final_artifacts: z.object({ best_model_json: z.string(), inference_spec: z.string() }).optional(),
  stop_reason: z.string().optional(),
  /** What the claim of a met target was proved by. */
  score_proof: scoreProofSchema.optional(),
  /** The figure of the frozen test set, where the run has one and came to its end. */
  holdout: holdoutFigureSchema.optional(),
  completed_at: z.string().optional(),
  /** How often the state was committed; a run directory that was put back as a whole shows by it. */
  revision: z.number().int().min(0).optional(),
  /** What the run is measured on, and how that stands to the rulers of earlier runs when it began. Ours. */
  ruler: z
    .object({
      digest: z.string(),
      rows: z.number().int(),
      earlier_scorings: z.number().int(),
      earlier_runs: z.number().int(),
      /** The change against the ruler of the newest earlier run, in words. */
      change: z.string().optional(),
    })
    .optional(),
  /** Pairs of images that the preflight warned of. Ours. */
  twins: z.array(twinPairSchema).optional(),
  /** Images of training and pool that were too many to be looked at for such pairs. */
  twins_left_out: z.number().optional(),
  /** What the human was told that the run would take, in minutes, and what it rested on. Ours. */
  estimate: z
    .object({
      model: z.object({ baseline_minutes: z.number(), iteration_minutes: z.number() }),
      range: z.object({ baseline: z.array(z.number()).length(2), iteration: z.array(z.number()).length(2) }),
      basis: z.string(),
    })
    .optional(),
  /** Names the host and folder in which this run's head was found kept outside the workspace (server/journal/heads.ts). */
  head_kept_at: z.string().optional(),
  integrity: z
    .object({
      state_digest: z.string(),
      /** Short digests of the state's parts, so that an edit can be named. */
      parts: z.record(z.string(), z.string()).optional(),
      head_seq: z.number(),
      head_digest: z.string(),
      /** Log entries up to here were accepted by a human as they stood: the chain is checked from here on. */
      base: z.object({ entries: z.number(), last_seq: z.number(), digest: z.string() }).optional(),
    })
    .optional(),
  /** The log entry of a commit under way: present only between the two writes. */
  pending: logEntrySchema.optional(),
});
export type RunState = z.infer<typeof runStateSchema>;

/** How far the figure of a run was proved: nothing but the run's own record stands behind a `self-reported` one. */
export function evidenceLevel({ score_proof }: Pick<RunState, "score_proof">): EvidenceLevel {
  return score_proof?.level ?? "self-reported";
}
