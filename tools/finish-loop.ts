import { z } from "zod";
import { metricPhrase } from "../server/loop/status-line.ts";
import { resolveRun } from "../server/loop/which-run.ts";
import type { HandOff } from "../server/stages/hand-off.ts";
import { defineTool, runField, wordsField } from "./define.ts";

export const finishLoop = defineTool({
  name: "finish_loop",
  title: "Finish the DEFT run",
  description:
    "End a DEFT run whose next action is finish_loop: loop_stop entry, token alignment, best_model.json and inference spec, final report. The reason is derived; `cancelled` ends early and asks the human.",
  toolset: "deft",
  input: z.strictObject({
    run: runField,
    stop_reason: z.string().max(80).optional().describe("cancelled, or derived"),
    words: wordsField,
  }),
  output: z.object({
    status_line: z.string(),
    run_dir: z.string(),
    stop_reason: z.string(),
    report_path: z.string(),
    best_model_json: z.string().optional(),
    inference_spec: z.string().optional(),
    skipped: z.string().optional(),
    warnings: z.array(z.string()),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  searchHint: "end stop loop best model hand-off",
  async handle(args, call) {
    const { finishLoop: finish } = await import("../server/loop/finish.ts");
    // A finished run may be finished again: every step is idempotent.
    const run_dir = await resolveRun(args, call.deps, { orLatest: true });
    const done = await finish(run_dir, { stopReason: args.stop_reason, words: args.words }, call);
    return {
      status_line: `Finished (${done.stopReason}): ${metricPhrase(done.state)} · report: ${done.reportPath}`,
      run_dir,
      stop_reason: done.stopReason,
      report_path: done.reportPath,
      ...handOffFields(done.handOff),
      warnings: [...done.warnings],
    };
  },
});

function handOffFields(handOff: HandOff) {
  if (handOff.outcome === "skipped") return { skipped: handOff.reason };
  return { best_model_json: handOff.best_model_json, inference_spec: handOff.inference_spec };
}
