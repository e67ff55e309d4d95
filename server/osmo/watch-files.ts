import { join } from "node:path";
import { makeDirectory } from "../fs/atomic.ts";
import { recordsDir } from "./submissions.ts";

/** What a watch leaves beside the submit records: the last look, the watcher's turn and what it printed. */
export async function watchFiles(env: Readonly<Record<string, string | undefined>>, workflowId: string) {
  const dir = join(recordsDir(env), "watch");
  await makeDirectory(dir, 0o700);
  const stem = join(dir, workflowId);
  return { record: `${stem}.json`, turn: `${stem}.watcher`, log: `${stem}.log` };
}
