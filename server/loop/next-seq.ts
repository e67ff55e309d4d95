import { z } from "zod";
import { readAs } from "../fs/json.ts";
import { lastSeq } from "../journal/log-file.ts";
import { lineAbove } from "../journal/records.ts";
import { runPaths } from "../run/paths.ts";

const numbersSchema = z.object({
  revision: z.number().int().optional(),
  pending: z.object({ seq: z.number().int() }).nullish(),
});

/** The number of the next log entry: one after the last on disk, counting a commit that is not published yet. */
export async function nextSeq(runDir: string): Promise<number> {
  const paths = runPaths(runDir);
  const logged = await lastSeq(paths.log);
  const { pending, revision = 0 } = await readAs(paths.state, numbersSchema);
  const made = await lineAbove(runDir, revision);
  return Math.max(logged, pending?.seq ?? 0, made?.seq ?? 0) + 1;
}
