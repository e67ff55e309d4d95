import { z } from "zod";
import { resolveRun } from "../server/loop/which-run.ts";
import { defineTool, runField, stageResult, wordsField } from "./define.ts";

export const cancelStage = defineTool({
  name: "cancel_stage",
  title: "Stop the running job",
  description:
    "Stop the running job of a DEFT run after the human confirmed it. The stage counts as stopped; its work so far is lost.",
  toolset: "deft",
  input: z.strictObject({ run: runField, words: wordsField }),
  output: z.object({ status_line: z.string(), outcome: z.string(), ...stageResult }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async handle(args, call) {
    const { cancelStage: cancel } = await import("../server/loop/running/cancel.ts");
    const { describeCommit } = await import("../server/loop/running/describe-commit.ts");
    const runDir = await resolveRun(args, call.deps);
    const done = await cancel(runDir, args.words, call);
    if (done.outcome !== "running") return { outcome: done.outcome, ...(await describeCommit(runDir, done, call)) };
    const { iteration, stage } = done;
    const status_line = `[${iteration} · ${stage}] still stopping · call run_stage to collect the end`;
    return {
      status_line,
      outcome: "running",
      iteration,
      stage,
      warnings: [],
      next_action: "run_stage",
      run_dir: runDir,
    };
  },
});
