import { readJson } from "../fs/read.ts";
import { runPaths } from "../run/paths.ts";
import { lastSeq } from "./log-file.ts";

/** The number of the next log entry: one after the last on disk, counting a commit that is half way through. */
export async function nextSeq(runDir: string): Promise<number> {
  const paths = runPaths(runDir);
  const logged = await lastSeq(paths.log);
  const state = await readJson(paths.state);
  const pending =
    typeof state === "object" && state !== null && "pending" in state ? (state.pending as { seq?: number }) : {};
  return Math.max(logged, pending.seq ?? 0) + 1;
}
