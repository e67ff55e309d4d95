import { z } from "zod";
import { metricPhrase } from "../server/loop/status-line.ts";
import { runOfCall } from "../server/loop/which-run.ts";
import { defined } from "../server/run/defined.ts";
import type { HandOff } from "../server/stages/hand-off.ts";
import { defineTool, misjudgedLinks, runField, runLink, trustField, wordsField, workspaceField } from "./define.ts";

export const finishLoop = defineTool({
  name: "finish_loop",
  title: "Finish the DEFT run",
  description:
    "End a DEFT run whose next action is finish_loop: token alignment, best_model.json, inference spec, final report. The reason is derived; `cancelled` ends early and asks the human.",
  toolset: "deft",
  input: z.strictObject({
    run: runField,
    workspace: workspaceField,
    stop_reason: z.string().max(80).optional(),
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
    still_wrong: trustField,
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  links: ({ run_dir, best_model_json, still_wrong }) => [
    runLink(run_dir, "report"),
    ...(best_model_json === undefined ? [] : [runLink(run_dir, "best_model")]),
    ...misjudgedLinks(run_dir, still_wrong),
  ],
  searchHint: "end stop loop best model hand-off",
  async handle(args, call) {
    const { trustIn } = await import("../server/loop/trust.ts");
    const { finishLoop: finish } = await import("../server/loop/finish.ts");
    // A finished run may be finished again: every step is idempotent.
    const run_dir = await runOfCall(args, call, { orLatest: true });
    const done = await finish(run_dir, { stopReason: args.stop_reason, words: args.words }, call);
    return {
      status_line: `Finished (${done.stopReason}): ${metricPhrase(done.state)} · report: ${done.reportPath}`,
      run_dir,
      stop_reason: done.stopReason,
      report_path: done.reportPath,
      ...handOffFields(done.handOff),
      warnings: [...done.warnings],
      ...defined({ still_wrong: await trustIn(done.state, 10) }),
    };
  },
});

function handOffFields(handOff: HandOff) {
  if (handOff.outcome === "skipped") return { skipped: handOff.reason };
  return { best_model_json: handOff.best_model_json, inference_spec: handOff.inference_spec };
}
