import { type IterationLabel, iterationLabel, iterationNumber, type StageName, stageNames } from "../run/labels.ts";
import { idleIterations, isPatienceOver } from "../run/patience.ts";
import type { RunState } from "../run/state.ts";

/** The single next thing that may happen to a run. */
export type NextAction =
  | { readonly action: "run_stage"; readonly iteration: IterationLabel; readonly stage: StageName }
  | { readonly action: "finish_loop"; readonly reason: string }
  | {
      readonly action: "acknowledge_or_finish";
      readonly code: string;
      readonly iteration: string;
      readonly stage: string;
    }
  | { readonly action: "none"; readonly reason: "complete" | "failed" };

/** What follows each stage within an iteration; `rca` leads on to the routing of the next one. */
const following: Record<StageName, StageName | "next-iteration" | "decide"> = {
  routing: "anomalygen",
  anomalygen: "data_mining",
  data_mining: "data_merge",
  data_merge: "train",
  train: "evaluate",
  evaluate: "decide",
  rca: "next-iteration",
};

/**
 * Decides what comes next from the committed state alone (tao-stages 5.6): `rca` follows an evaluate only when
 * another iteration follows, and the contract is judged on the recomputed metric.
 */
export function nextAction(state: RunState): NextAction {
  if (state.status === "complete" || state.completed_at !== undefined) {
    return { action: "none", reason: state.status === "failed" ? "failed" : "complete" };
  }
  const stopped = state.hard_stop;
  if (stopped) {
    return { action: "acknowledge_or_finish", code: stopped.code, iteration: stopped.iteration, stage: stopped.stage };
  }
  if (state.stop_reason !== undefined) return { action: "finish_loop", reason: state.stop_reason };
  const iteration = iterationLabel(state.current_iteration);
  const done = state.iterations[iteration]?.stage_completed;
  if (done === undefined) {
    return { action: "run_stage", iteration, stage: iteration === "baseline" ? "train" : "routing" };
  }
  return after(state, iteration, done as StageName);
}

function after(state: RunState, iteration: IterationLabel, done: StageName): NextAction {
  const next = following[done];
  if (next === "next-iteration") {
    return { action: "run_stage", iteration: iterationLabel(iterationNumber(iteration) + 1), stage: "routing" };
  }
  if (next !== "decide") return { action: "run_stage", iteration, stage: next };
  const met = state.iterations[iteration]?.metric_result?.passed === true;
  const last = iterationNumber(iteration) >= state.max_iterations;
  // A human may have approved to go on past the target; the limit of iterations holds then, too.
  if (met && (last || state.plan.parameters.past_target?.value !== true))
    return { action: "finish_loop", reason: "metric_met" };
  if (last) return { action: "finish_loop", reason: "max_iterations" };
  if (isPatienceOver(state.plan, idleIterations(state))) return { action: "finish_loop", reason: "no_gain" };
  return { action: "run_stage", iteration, stage: "rca" };
}

/** Every (iteration, stage) from the beginning of a run to its end when no target is met, for progress displays. */
export function fullCourse(maxIterations: number): { iteration: IterationLabel; stage: StageName }[] {
  const baseline: StageName[] = ["train", "evaluate", "rca"];
  const course = baseline.map((stage) => ({ iteration: iterationLabel(0), stage }));
  for (let number = 1; number <= maxIterations; number++) {
    const stages = number === maxIterations ? stageNames.filter((stage) => stage !== "rca") : stageNames;
    course.push(...stages.map((stage) => ({ iteration: iterationLabel(number), stage })));
  }
  return course;
}

/** Compact text of an action: `run_stage iter1 routing`. */
export function describeAction(next: NextAction): string {
  switch (next.action) {
    case "run_stage":
      return `run_stage ${next.iteration} ${next.stage}`;
    case "finish_loop":
      return `finish_loop (${next.reason})`;
    case "acknowledge_or_finish":
      return `acknowledge_stop after the repair of ${next.code}, or finish_loop`;
    case "none":
      return next.reason === "complete" ? "none: the run is complete" : "none: the run is closed as failed";
  }
}

/** A call as a client can make it. */
export type ReadyCall = { readonly tool: string; readonly arguments: Readonly<Record<string, unknown>> };

/** The same as the call to make, its run named by path so that it holds in every process; none of a closed run. */
export function nextCall(next: NextAction, run: string): ReadyCall | undefined {
  switch (next.action) {
    case "run_stage":
      return { tool: "run_stage", arguments: { run } };
    case "finish_loop":
      return { tool: "finish_loop", arguments: { run } };
    case "acknowledge_or_finish":
      return { tool: "acknowledge_stop", arguments: { run, resolve: "repaired" } };
    case "none":
      return undefined;
  }
}
