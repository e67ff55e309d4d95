import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keepHead } from "../../server/journal/heads.ts";
import { lineOf, stateText } from "../../server/journal/records.ts";
import { numberedLine, seal } from "../../server/journal/seal.ts";
import type { Deps } from "../../server/ports/call.ts";
import { runPaths } from "../../server/run/paths.ts";
import type { LogEntry, RunState } from "../../server/run/state.ts";
import { aState } from "./a-run.ts";

/** A line of such a log. */
export const trained = {
  iter: "baseline",
  stage: "train",
  status: "ok",
  summary: "trained 30 epochs",
  duration_sec: 1,
} as const;

/** A run whose log has so many entries, chained as commits chain them, and whose head is kept. */
export async function longRun(
  runDir: string,
  entries: number,
  deps: Pick<Deps, "clock" | "env">,
  patch: Partial<RunState> = {},
): Promise<void> {
  await mkdir(join(runDir, "jobs"), { recursive: true });
  const lines: string[] = [];
  let last: LogEntry | undefined;
  for (let at = 0; at < entries; at++) {
    last = numberedLine(trained, last, undefined, deps);
    lines.push(lineOf(last));
  }
  const { log, state } = runPaths(runDir);
  const sealed = seal(undefined, aState(runDir, patch), last, undefined);
  await writeFile(log, lines.join(""));
  await writeFile(state, stateText(sealed));
  await keepHead(runDir, sealed, deps.env);
}
