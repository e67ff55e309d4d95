import { z } from "zod";
import { readAs } from "../fs/json.ts";
import { lastSeq } from "../journal/log-file.ts";
import { runPaths } from "../run/paths.ts";

const pendingSchema = z.object({ pending: z.object({ seq: z.number().int() }).nullish() });

/** The number of the next log entry: one after the last on disk, counting a commit that is half way through. */
export async function nextSeq(runDir: string): Promise<number> {
  const paths = runPaths(runDir);
  const logged = await lastSeq(paths.log);
  const { pending } = await readAs(paths.state, pendingSchema);
  return Math.max(logged, pending?.seq ?? 0) + 1;
}
