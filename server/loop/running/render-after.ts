import type { Deps } from "../../ports/call.ts";
import { renderReport } from "../../report/render.ts";
import type { StageRef } from "../../run/labels.ts";
import { writeIterationSummary } from "../../stages/hand-off.ts";
import { trackRun } from "../../tracking/export.ts";
import { nextAction } from "../transitions.ts";
import type { CommittedStage } from "./commit-stage.ts";
import { notePace } from "./pace.ts";

/**
 * Renders the report where the method wants one, after an iteration's last stage and on a hard stop, and tells the tracker.
 *
 * A report that cannot be written, or a tracker that is down, is a warning of the commit, never a reason to lose a commit.
 */
export async function renderAfter(
  runDir: string,
  committed: CommittedStage,
  at: StageRef,
  deps: Deps,
): Promise<CommittedStage> {
  const { state, warnings } = committed;
  if (at.stage === "evaluate" && at.iteration !== "baseline" && state.hard_stop === undefined) {
    await writeIterationSummary(runDir, state, at.iteration);
  }
  const next = nextAction(state);
  const iterationDone = at.stage === "rca" || next.action !== "run_stage";
  if (!iterationDone) return committed;
  await notePace(runDir, state, at, deps);
  const told = [await tryRender(runDir, deps), await trackRun(runDir, state, deps.env)];
  return { ...committed, warnings: [...warnings, ...told.filter((warning) => warning !== undefined)] };
}

/** Renders the report; a failure comes back as a warning text. */
export async function tryRender(runDir: string, deps: Deps): Promise<string | undefined> {
  try {
    await renderReport(runDir, deps);
    return undefined;
  } catch (error) {
    return `the report could not be rendered: ${error instanceof Error ? error.message : String(error)}`;
  }
}
