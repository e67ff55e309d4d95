import { z } from "zod";
import { describeAction, nextCall } from "../server/loop/transitions.ts";
import { runOfCall } from "../server/loop/which-run.ts";
import { defined } from "../server/run/defined.ts";
import { defineTool, nextCallField, runField, wordsField, workspaceField } from "./define.ts";

export const acknowledgeStop = defineTool({
  name: "acknowledge_stop",
  title: "Accept a repaired hard stop",
  description:
    "Ask the human to confirm that the cause of a hard stop is repaired (the stage then runs again), or to accept a lower yield or edited files as they are.",
  toolset: "deft",
  input: z.strictObject({
    run: runField,
    workspace: workspaceField,
    resolve: z.enum(["repaired", "accept"]).optional().describe("default repaired"),
    words: wordsField,
  }),
  output: z.object({
    status_line: z.string(),
    run_dir: z.string(),
    code: z.string(),
    acknowledged: z.string(),
    next_action: z.string(),
    next_call: nextCallField,
  }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async handle(args, call) {
    const { acknowledgeStop: acknowledge } = await import("../server/loop/approval/acknowledge.ts");
    const run_dir = await runOfCall(args, call);
    const done = await acknowledge(run_dir, { resolve: args.resolve ?? "repaired", words: args.words }, call);
    const next_action = describeAction(done.next);
    return {
      status_line: `${done.code} acknowledged (${done.how}) · next: ${next_action}`,
      run_dir,
      code: done.code,
      acknowledged: done.how,
      next_action,
      ...defined({ next_call: nextCall(done.next, run_dir) }),
    };
  },
});
