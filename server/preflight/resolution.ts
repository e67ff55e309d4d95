import type { RefusalCode } from "../errors.ts";
import type { MetricContract } from "../run/metric.ts";
import type { Plan, RunConfig, TwinPair } from "../run/state.ts";
import type { Estimate } from "./estimate.ts";
import type { PlanRequest } from "./request.ts";
import type { FoundRun, LastEvent } from "./unfinished.ts";
import type { WorkspaceSource } from "./workspace.ts";

export type TwinsFound = { readonly pairs: readonly TwinPair[]; readonly left_out: number };

/**
 * One finding. `fixable` is put right by the server after approval, by the fix it names, and blocks nothing;
 * `halt` needs the human first, and there is no plan while one is open.
 */
export type Check = {
  id: string;
  title: string;
  outcome: "ok" | "fixable" | "halt" | "not_applicable";
  detail: string;
  fix?: string;
  code?: RefusalCode;
  facts?: Readonly<Record<string, unknown>>;
};

/** One thing that only the human can say; `field` is the argument of `preflight` that answers it. */
export type Missing = { field: string; ask: string; choices?: readonly string[] };

/** Everything that is missing, in one question. */
export type Question = { text: string; missing: readonly Missing[] };

/** What a live run keeps when it is resumed or revised. */
export type LiveRun = {
  run_dir: string;
  run_id: string;
  /** The plan that the run has now. */
  plan: Plan;
  last_entries: readonly LastEvent[];
  /** The iteration under way, or the last one. */
  iteration: number;
  /** Why no stage is left: its last iteration met the target, or is the last one planned. */
  ended_by?: "metric_met" | "max_iterations" | "no_gain" | undefined;
  /** Iterations in a row that changed FAR by no more than chance. */
  idle: number;
  /** Named with `run`: it is to change, so that its pool is read again. `resume` keeps the snapshot that it has. */
  revising: boolean;
};

/** What is known about the inputs and settings of a run before it exists. */
export type Resolution = {
  workspace: string;
  workspace_source: WorkspaceSource;
  /** The request as it can be resolved again in another process: its workspace is absolute. */
  request: PlanRequest;
  checks: readonly Check[];
  warnings: readonly string[];
  /** Undefined while something required is missing or a check is `halt`. */
  plan?: Plan;
  config?: RunConfig;
  metric_contract?: MetricContract;
  estimate?: Estimate;
  question?: Question;
  unfinished_runs: readonly FoundRun[];
  /** Pairs of images that look like one, the most alike first. */
  twins?: TwinsFound;
  /** Set when the request names a live run. */
  live?: LiveRun;
  /** Names of the parameters that differ from the live run's plan. */
  changed: readonly string[];
  summary_markdown: string;
};
