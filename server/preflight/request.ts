import { z } from "zod";
import { keyValuesField } from "../run/key-values.ts";
import { miningRules, networkModes, platforms } from "../run/labels.ts";
import { settingValueSchema } from "../run/platform-settings.ts";

/** Text that is not empty; checked without a `minLength`, which would cost every client bytes in each schema. */
const text = () => z.string().refine((value) => value.trim() !== "", "must not be empty");
const whole = (least: number, most = 9999) => z.number().int().min(least).max(most);

/**
 * What a person may say about a run. Everything is optional: what is required and missing comes back as one question.
 *
 * Input paths may be relative to the workspace. `run` names a live run: alone it resumes, with changes it revises.
 */
export const planRequestSchema = z.strictObject({
  workspace: text().optional(),
  max_iterations: whole(1, 99).optional().describe("ask the human"),
  kpi_target: text().optional().describe("FAR < 0.5% at recall=100%"),
  kpi_confidence: z.enum(["point", "90%", "95%", "99%"]).optional(),
  constraints: text().optional().describe("escapes <= 2"),
  evaluator: text().optional().describe("program or {iter_label} path"),
  platform: z.enum(platforms).optional(),
  platform_settings: keyValuesField(settingValueSchema).optional().describe("KEY=VALUE"),
  num_epochs: whole(1).optional(),
  num_sdg: whole(0).optional(),
  top_k: whole(1).optional(),
  mining: z.enum(miningRules).optional(),
  min_similarity: z.number().min(-1).max(1).optional(),
  rows_per_iteration: whole(1).optional(),
  mined_pass_pct: whole(0, 100).optional(),
  patience: whole(0).optional(),
  seed: whole(0, 2_147_483_647).optional(),
  batch_size: whole(2).optional(),
  num_gpus: whole(1, 64).optional(),
  synthetic_only: z.boolean().optional(),
  time_limit_minutes: z.number().positive().optional(),
  stage_time_limit_sec: whole(1, 2_000_000).optional(),
  project: text().optional(),
  network_mode: z.enum(networkModes).optional(),
  spec: text().optional(),
  training_csv: text().optional(),
  validation_csv: text().optional(),
  kpi_csv: text().optional(),
  adopt_run: text().optional(),
  baseline_ckpt: text().optional(),
  resume: text().optional().describe("fresh, or a run"),
  run: text().optional(),
});
export type PlanRequest = z.infer<typeof planRequestSchema>;
