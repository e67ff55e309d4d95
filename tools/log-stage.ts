import { z } from "zod";
import { runOfCall } from "../server/loop/which-run.ts";
import { stageNames } from "../server/run/labels.ts";
import { defineTool, runField, stageResult, workspaceField } from "./define.ts";

const input = z.strictObject({
  run: runField,
  workspace: workspaceField,
  iteration: z.string().max(16).describe("baseline or iter<N>"),
  stage: z.enum(stageNames),
  status: z.enum(["ok", "error"]),
  summary: z.string().max(400).optional().describe("what failed, for error"),
  stamp: z.string().max(32).optional().describe("YYYY-MM-DD_HHMMSS of its directory, if any"),
});

export const logStage = defineTool({
  name: "log_stage",
  title: "Commit a stage run elsewhere",
  description:
    "Commit a stage that was run outside this server, on the evidence it left in the run directory, or record its error. Use run_stage for everything the server can run itself.",
  toolset: "deft",
  input,
  output: z.object({ status_line: z.string(), ...stageResult }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  async handle(args, call) {
    const { logStage: log } = await import("../server/loop/running/log-stage.ts");
    const { describeCommit } = await import("../server/loop/running/describe-commit.ts");
    const runDir = await runOfCall(args, call);
    const { iteration, stage, status, summary, stamp } = args;
    const done = await log(runDir, { iteration, stage, status, summary, stamp }, call);
    return await describeCommit(runDir, done, call);
  },
});
