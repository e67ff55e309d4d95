import { readText } from "../../fs/read.ts";
import { keepPace, paceKey } from "../../journal/pace.ts";
import type { Deps } from "../../ports/call.ts";
import type { StageRef } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { programOf } from "../../run/platform-traits.ts";
import type { LogEntry, RunState } from "../../run/state.ts";

/**
 * Keeps for this host how long a pass of the loop took, held against what its estimate was made of. A pass of which a
 * stage ran elsewhere says nothing of this host.
 */
export async function notePace(
  runDir: string,
  { estimate, iterations, config, hard_stop }: RunState,
  at: StageRef,
  deps: Deps,
) {
  if (estimate === undefined || hard_stop !== undefined || (iterations[at.iteration]?.adopted ?? []).length > 0) return;
  const lines = (await readText(runPaths(runDir).log)).trim().split("\n");
  const entries = lines
    .map((line) => JSON.parse(line) as LogEntry)
    .filter(({ iter, status }) => iter === at.iteration && status === "ok");
  const minutes = entries.reduce((sum, { duration_sec }) => sum + duration_sec, 0) / 60;
  const [kind, model] =
    at.iteration === "baseline"
      ? (["baseline", estimate.model.baseline_minutes] as const)
      : (["iteration", estimate.model.iteration_minutes] as const);
  const key = paceKey(config.platform, programOf(config.platform, config.platform_settings));
  if (model > 0) await keepPace(key, kind, minutes / model, deps.env);
}
