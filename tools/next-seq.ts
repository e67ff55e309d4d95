import { z } from "zod";
import { nextSeq as next } from "../server/loop/next-seq.ts";
import { resolveRun } from "../server/loop/which-run.ts";
import { defineTool, runField } from "./define.ts";

export const nextSeq = defineTool({
  name: "next_seq",
  title: "Next sequence number",
  description:
    "Sequence number of the next loop_log.jsonl entry, from the live tail. For people: run_stage and log_stage number entries themselves.",
  toolset: "deft",
  input: z.strictObject({ run: runField }),
  output: z.object({ status_line: z.string(), next_seq: z.number(), run_dir: z.string() }),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handle(args, { deps }) {
    const run_dir = await resolveRun(args, deps, { orLatest: true });
    const next_seq = await next(run_dir);
    return { status_line: `Next sequence number: ${next_seq}`, next_seq, run_dir };
  },
});
