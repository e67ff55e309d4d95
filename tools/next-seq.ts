import { z } from "zod";
import { nextSeq as next } from "../server/loop/next-seq.ts";
import { runOfCall } from "../server/loop/which-run.ts";
import { defineTool, runField, workspaceField } from "./define.ts";

export const nextSeq = defineTool({
  name: "next_seq",
  title: "Next sequence number",
  description:
    "Number of the next loop_log.jsonl entry. For people: run_stage and log_stage number entries themselves.",
  toolset: "deft",
  input: z.strictObject({ run: runField, workspace: workspaceField }),
  output: z.object({ status_line: z.string(), next_seq: z.number(), run_dir: z.string() }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handle(args, call) {
    const run_dir = await runOfCall(args, call, { orLatest: true });
    const next_seq = await next(run_dir);
    return { status_line: `Next sequence number: ${next_seq}`, next_seq, run_dir };
  },
});
