import { z } from "zod";
import { runOfCall } from "../server/loop/which-run.ts";
import { defined } from "../server/run/defined.ts";
import { progressText, shortDuration } from "../server/run/figures.ts";
import { waitFor } from "../server/run/wait.ts";
import { defineTool, runField, stageResult, workspaceField } from "./define.ts";

const input = z.strictObject({
  run: runField,
  workspace: workspaceField,
  iteration: z.string().max(16).optional().describe("only to insist on it"),
  stage: z.string().max(32).optional(),
  wait_seconds: z.number().min(0).max(3000).optional().describe("default 50"),
});

const output = z.object({
  status_line: z.string(),
  outcome: z.enum(["committed", "running", "hard_stop"]),
  ...stageResult,
  progress: z.string().optional(),
  fraction: z.number().optional(),
  log_path: z.string().optional(),
  /** What was put right before the first stage, one line each. */
  cleared: z.array(z.string()).optional(),
});

export const runStage = defineTool({
  name: "run_stage",
  title: "Run the next stage",
  description:
    "Run the next stage of an approved DEFT run, or go on waiting for it. Without arguments it does the right next thing; call it again while it answers `running` and after each commit, until next_action is finish_loop.",
  toolset: "deft",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  alwaysLoad: true,
  searchHint: "continue loop train evaluate rca routing anomalygen mining merge iterate DEFT",
  lasting: {
    look: { wait_seconds: 0 },
    goOn: ({ outcome, run_dir: run, iteration, stage }) =>
      outcome === "running" ? { run, iteration, stage } : undefined,
  },
  async handle(args, call) {
    const { runStage: run } = await import("../server/loop/running/run-stage.ts");
    const { describeCommit } = await import("../server/loop/running/describe-commit.ts");
    const runDir = await runOfCall(args, call);
    const waitSec = args.wait_seconds ?? waitFor(call.client);
    const done = await run(runDir, { iteration: args.iteration, stage: args.stage, waitSec }, call);
    const cleared = done.cleared.length === 0 ? {} : { cleared: [...done.cleared] };
    if (done.outcome !== "running")
      return { outcome: done.outcome, ...(await describeCommit(runDir, done, call)), ...cleared };
    const { iteration, stage, progress, job } = done;
    return {
      status_line: `[${iteration} · ${stage}] ${progressText(progress)} · ${shortDuration(done.elapsedSec)} · call run_stage again`,
      outcome: "running" as const,
      iteration,
      stage,
      warnings: [],
      next_action: `run_stage ${iteration} ${stage}`,
      next_call: { tool: "run_stage", arguments: { run: runDir } },
      run_dir: runDir,
      progress: progressText(progress),
      ...defined({ fraction: progress.fraction, log_path: job?.spec.log_path }),
      ...cleared,
    };
  },
});
