import { z } from "zod";

/** Primary metric and its constraints (tao-stages 4.6). Percentages are numbers like 0.5 with unit "%". */
export const metricContractSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9_]*$/),
  display_name: z.string(),
  operator: z.enum(["<", "<=", ">", ">="]),
  target: z.number(),
  unit: z.string(),
  /** Confidence in percent at which FAR's upper bound, not the point, must meet the target. Ours; absent for the point. */
  confidence_pct: z.number().optional(),
  evaluator: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("builtin"),
      id: z.literal("far_at_recall"),
      parameters: z.object({ recall_target_pct: z.number() }),
    }),
    z.object({ type: z.literal("command"), path: z.string(), args: z.array(z.string()) }),
    z.object({ type: z.literal("artifact"), producer: z.string(), path_template: z.string() }),
  ]),
  constraints: z.array(
    z.object({ name: z.string(), operator: z.enum(["<", "<=", ">", ">="]), target: z.number(), unit: z.string() }),
  ),
});
export type MetricContract = z.infer<typeof metricContractSchema>;

/** Parts of a scored set by truth and verdict at the threshold. */
export const countsSchema = z.object({ tp: z.number(), fp: z.number(), tn: z.number(), fn: z.number() });
export type Counts = z.infer<typeof countsSchema>;

/** A measured result as the state keeps it, with the verdict that was computed from it. */
export const metricResultSchema = z.looseObject({
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  threshold: z.number().optional(),
  constraints: z.record(z.string(), z.number()),
  diagnostics: z.record(z.string(), z.unknown()).optional(),
  /** What FAR was counted from; ours. */
  counts: countsSchema.optional(),
  passed: z.boolean(),
  evidence_path: z.string().optional(),
});
export type MetricResult = z.infer<typeof metricResultSchema>;
