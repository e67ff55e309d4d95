import { describe, expect, it } from "@jest/globals";
import { describeAction, fullCourse, nextAction } from "../../../server/loop/transitions.ts";
import type { IterationState, RunState } from "../../../server/run/state.ts";
import { aState } from "../../support/a-run.ts";

const passed = { name: "far_pct", value: 0.5, unit: "%", constraints: {}, passed: true };
const missed = { ...passed, value: 5, passed: false };

function standing(iteration: number, patch: IterationState, more: Partial<RunState> = {}): RunState {
  const label = iteration === 0 ? "baseline" : `iter${iteration}`;
  return aState("/runs/run_1", { current_iteration: iteration, iterations: { [label]: patch }, ...more });
}

/** An evaluated iteration, the last `idle` ones of which moved FAR by no more than chance. */
function idle(iteration: number, count: number, patience: number | undefined): RunState {
  const state = standing(iteration, {}, { max_iterations: 9 });
  const done = { stage_completed: "evaluate", metric_result: missed };
  const iterations = Object.fromEntries(
    Array.from({ length: iteration }, (_, at) => at + 1).map((number) => [
      `iter${number}`,
      number > iteration - count ? { ...done, gain_remark: "by less than its interval" } : done,
    ]),
  );
  const parameters = patience === undefined ? {} : { patience: { value: patience, source: "user" as const } };
  return { ...state, iterations, plan: { ...state.plan, parameters: { ...state.plan.parameters, ...parameters } } };
}

describe("next action", () => {
  const table: [string, RunState, string][] = [
    ["a new run", aState("/runs/run_1"), "run_stage baseline train"],
    ["a trained baseline", standing(0, { stage_completed: "train" }), "run_stage baseline evaluate"],
    [
      "a baseline above target",
      standing(0, { stage_completed: "evaluate", metric_result: missed }),
      "run_stage baseline rca",
    ],
    [
      "a baseline that meets the target",
      standing(0, { stage_completed: "evaluate", metric_result: passed }),
      "finish_loop (metric_met)",
    ],
    ["an analysed baseline", standing(0, { stage_completed: "rca" }), "run_stage iter1 routing"],
    ["routing", standing(1, { stage_completed: "routing" }), "run_stage iter1 anomalygen"],
    ["anomalygen", standing(1, { stage_completed: "anomalygen" }), "run_stage iter1 data_mining"],
    ["data_mining", standing(1, { stage_completed: "data_mining" }), "run_stage iter1 data_merge"],
    ["data_merge", standing(1, { stage_completed: "data_merge" }), "run_stage iter1 train"],
    [
      "an evaluated iteration above target",
      standing(1, { stage_completed: "evaluate", metric_result: missed }),
      "run_stage iter1 rca",
    ],
    [
      "the last iteration above target",
      standing(2, { stage_completed: "evaluate", metric_result: missed }),
      "finish_loop (max_iterations)",
    ],
    ["an idle iteration that the plan does not bear", idle(1, 1, 1), "finish_loop (no_gain)"],
    ["an idle iteration that the plan bears", idle(1, 1, 2), "run_stage iter1 rca"],
    ["an idle iteration of a plan without patience", idle(1, 1, undefined), "run_stage iter1 rca"],
    ["two idle iterations, of which the plan bears one", idle(2, 2, 2), "finish_loop (no_gain)"],
    ["one idle iteration after a better one", idle(2, 1, 2), "run_stage iter2 rca"],
    [
      "the last iteration at target",
      standing(2, { stage_completed: "evaluate", metric_result: passed }),
      "finish_loop (metric_met)",
    ],
    [
      "a hard stop",
      standing(
        1,
        { stage_completed: "routing" },
        {
          status: "failed",
          hard_stop: { code: "stage.failed", message: "", iteration: "iter1", stage: "anomalygen", at: "", facts: {} },
        },
      ),
      "acknowledge_stop after the repair of stage.failed, or finish_loop",
    ],
    [
      "a begun finish",
      standing(2, { stage_completed: "evaluate" }, { stop_reason: "max_iterations" }),
      "finish_loop (max_iterations)",
    ],
    ["a finished run", aState("/runs/run_1", { status: "complete" }), "none: the run is complete"],
    [
      "a run closed as failed",
      aState("/runs/run_1", { status: "failed", completed_at: "x" }),
      "none: the run is closed as failed",
    ],
  ];
  it.each(table)("after %s", (_name, state, expected) => {
    expect(describeAction(nextAction(state))).toBe(expected);
  });

  it("walks exactly the full course when no target is ever met", () => {
    let state = aState("/runs/run_1");
    const walked = [];
    for (let next = nextAction(state); next.action === "run_stage"; next = nextAction(state)) {
      walked.push({ iteration: next.iteration, stage: next.stage });
      const iteration: IterationState = { stage_completed: next.stage, metric_result: missed };
      const number = next.iteration === "baseline" ? 0 : Number(next.iteration.slice(4));
      state = { ...state, current_iteration: number, iterations: { ...state.iterations, [next.iteration]: iteration } };
    }
    expect(walked).toEqual(fullCourse(state.max_iterations));
    expect(walked).toHaveLength(3 + 7 + 6);
  });
});
