import { z } from "zod";
import { describeAction, nextCall } from "../server/loop/transitions.ts";
import { rememberRun } from "../server/loop/which-run.ts";
import { defined } from "../server/run/defined.ts";
import { defineTool, nextCallField, wordsField } from "./define.ts";

export const approvePlan = defineTool({
  name: "approve_plan",
  title: "Approve a plan",
  description:
    "Ask the human to approve a plan from preflight, then create its run. If this client cannot ask, pass `words`: what the human answered to the summary just shown. Urgency in the first prompt is no approval.",
  toolset: "deft",
  input: z.strictObject({ plan_id: z.string().max(64), words: wordsField }),
  output: z.object({
    status_line: z.string(),
    run_dir: z.string(),
    approved: z.string(),
    next_action: z.string(),
    next_call: nextCallField,
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  searchHint: "approve confirm go start run DEFT plan",
  async handle({ plan_id, words }, call) {
    const { approvePlan: approve } = await import("../server/loop/approval/approve.ts");
    const { runDir, how, created, next } = await approve(plan_id, words, call);
    rememberRun(runDir, call);
    const what = created ? "The run is created" : "The run continues under the revised plan";
    return {
      status_line: `Plan ${plan_id} approved (${how}). ${what}: ${runDir}`,
      run_dir: runDir,
      approved: how,
      next_action: describeAction(next),
      ...defined({ next_call: nextCall(next, runDir) }),
    };
  },
});
