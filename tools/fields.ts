import { z } from "zod";

/** Parameters and results that several tools share, spelled once. */
export const runField = z.string().max(4096).optional().describe("id or path");
export const workspaceField = z.string().max(4096).optional();
export const wordsField = z
  .string()
  .max(2000)
  .optional()
  .describe("the human's answer, verbatim, if you cannot elicit");

export const stageResult = {
  iteration: z.string(),
  stage: z.string(),
  seq: z.number().optional(),
  summary: z.string().optional(),
  warnings: z.array(z.string()),
  hard_stop: z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()) }).optional(),
  next_action: z.string(),
  run_dir: z.string(),
};
