import { z } from "zod";
import { describeAction } from "../server/loop/transitions.ts";
import { resolveRun } from "../server/loop/which-run.ts";
import { defineTool, runField, wordsField } from "./define.ts";

export const acknowledgeStop = defineTool({
  name: "acknowledge_stop",
  title: "Accept a repaired hard stop",
  description:
    "Ask the human to confirm that the cause of a hard stop is repaired (the stage then runs again), or to accept a lower yield or edited files as they are. Never acknowledge on your own.",
  toolset: "deft",
  input: z.strictObject({
    run: runField,
    resolve: z.enum(["repaired", "accept"]).optional().describe("default repaired"),
    words: wordsField,
  }),
  output: z.object({
    status_line: z.string(),
    run_dir: z.string(),
    code: z.string(),
    acknowledged: z.string(),
    next_action: z.string(),
  }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async handle(args, call) {
    const { acknowledgeStop: acknowledge } = await import("../server/loop/approval/acknowledge.ts");
    const run_dir = await resolveRun(args, call.deps);
    const done = await acknowledge(run_dir, { resolve: args.resolve ?? "repaired", words: args.words }, call);
    const next_action = describeAction(done.next);
    return {
      status_line: `${done.code} acknowledged (${done.how}) · next: ${next_action}`,
      run_dir,
      code: done.code,
      acknowledged: done.how,
      next_action,
    };
  },
});
