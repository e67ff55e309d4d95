import { join, resolve } from "node:path";
import { Refusal } from "../errors.ts";
import { canonicalJson } from "../fs/hash.ts";
import { readJson } from "../fs/json.ts";
import { parseMetricTarget } from "../kpi/metric-contract.ts";
import { iterationLabel } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import { idleIterations, isPatienceOver } from "../run/patience.ts";
import { valuesOf } from "../run/platform-settings.ts";
import { type Plan, type RunState, runStateSchema } from "../run/state.ts";
import { type PlanRequest, planRequestSchema } from "./request.ts";
import type { LiveRun } from "./resolution.ts";
import { type FoundRun, lastEvents } from "./unfinished.ts";

/** What a person may change while a run is under way; everything else is fixed with the run. */
const changeable = [
  "max_iterations",
  "num_epochs",
  "num_sdg",
  "top_k",
  "min_similarity",
  "rows_per_iteration",
  "mined_pass_pct",
  "patience",
  "stage_time_limit_sec",
] as const;

/** Arguments of a request that pick or size a run rather than describe its plan. */
const notPlanned = new Set(["workspace", "run", "resume", "time_limit_minutes", "adopt_run", "baseline_ckpt"]);

/** What a plan means that does not say it. */
const unsaid: Readonly<Record<string, unknown>> = { kpi_confidence: "point" };

/** The run that a request names with `run` or `resume`, or undefined for a fresh one. */
export function liveRunName(request: PlanRequest): string | undefined {
  if (request.run !== undefined) return request.run;
  return request.resume === "fresh" ? undefined : request.resume;
}

/**
 * The named unfinished run with its plan and its last five entries.
 *
 * @throws Refusal `input.no-run` with the candidates; `state.foreign-version` for another program's run;
 * `state.finished`; `state.corrupt`.
 *
 * @param revising whether the request names the run to change it.
 */
export async function openLiveRun(name: string, runs: readonly FoundRun[], revising: boolean): Promise<LiveRun> {
  const found = runs.find((run) => run.run_id === name || run.run_dir === resolve(run.run_dir, "../..", name));
  if (found === undefined) {
    throw new Refusal("input.no-run", "No run of this workspace has that name.", {
      run: name.slice(0, 160),
      candidates: runs.filter((run) => run.unfinished).map((run) => run.run_id),
    });
  }
  refuseUnusable(found);
  const state = runStateSchema.safeParse(await readJson(runPaths(found.run_dir).state));
  if (!state.success) {
    throw new Refusal("state.corrupt", `${found.run_id} has a state that does not parse.`, {
      path: runPaths(found.run_dir).state,
      problem: state.error.issues[0]?.path.join("."),
    });
  }
  const { plan, current_iteration: iteration } = state.data;
  const { run_dir, run_id } = found;
  const last_entries = await lastEvents(run_dir, 5);
  return {
    run_dir,
    run_id,
    plan,
    iteration,
    last_entries,
    revising,
    ended_by: endOf(state.data),
    idle: idleIterations(state.data),
  };
}

/** Why a run has no stage left, though nobody finished it. */
function endOf({ iterations, current_iteration, max_iterations, hard_stop, plan }: RunState): LiveRun["ended_by"] {
  const last = iterations[iterationLabel(current_iteration)];
  if (hard_stop !== undefined || last?.stage_completed !== "evaluate") return undefined;
  if (last.metric_result?.passed === true && plan.parameters.past_target?.value !== true) return "metric_met";
  if (current_iteration >= max_iterations) return "max_iterations";
  return isPatienceOver(plan, idleIterations({ iterations, current_iteration })) ? "no_gain" : undefined;
}

function refuseUnusable(run: FoundRun): void {
  const { run_id, kind, note } = run;
  if (kind === "unreadable") throw new Refusal("state.corrupt", `${run_id}: ${note ?? "unreadable"}`, { run_id });
  if (kind !== "ours") throw new Refusal("state.foreign-version", `${run_id}: ${note ?? kind}`, { run_id, kind });
  if (!run.unfinished) throw new Refusal("state.finished", `${run_id} is finished.`, { run_id, status: run.status });
}

/**
 * The same metric, measured the same way, with a target that is harder to meet: what a run may go on for. Any other
 * change of the contract would judge what was done by another rule.
 */
function isHarderTarget(plan: Plan, text: string): boolean {
  const { metric_contract: before } = plan;
  const { evaluator } = before;
  const own = evaluator.type === "builtin" ? undefined : evaluator;
  const next = { ...parseMetricTarget(text, own), ...(own && { constraints: before.constraints }) };
  const same =
    canonicalJson({ ...next, target: 0, display_name: "" }) ===
    canonicalJson({ ...before, target: 0, display_name: "" });
  const lower = before.operator === "<" || before.operator === "<=";
  return same && (lower ? next.target <= before.target : next.target >= before.target);
}

/**
 * The request for a live run: everything its plan fixed, with the changes on top.
 *
 * @throws Refusal `approval.unchangeable` for a change to the contract but a harder target, the inputs or the architecture;
 * `input.invalid` when max_iterations would fall below the iteration under way.
 */
export function requestOfLiveRun(live: LiveRun, changes: PlanRequest): PlanRequest {
  const planned = plannedRequest(live.plan);
  for (const [field, value] of Object.entries(changes)) {
    if (value === undefined || notPlanned.has(field) || isChangeable(field)) continue;
    if (sameInput(live.plan, value, planned[field as keyof PlanRequest] ?? unsaid[field])) continue;
    if (field === "kpi_target" && isHarderTarget(live.plan, String(value))) continue;
    throw new Refusal("approval.unchangeable", `${field} is fixed for ${live.run_id}.`, {
      field,
      planned: planned[field as keyof PlanRequest] ?? null,
      changeable,
    });
  }
  if (changes.max_iterations !== undefined && changes.max_iterations < live.iteration) {
    throw new Refusal("input.invalid", `Iteration ${live.iteration} has begun; max_iterations cannot be below it.`, {
      max_iterations: changes.max_iterations,
      current_iteration: live.iteration,
    });
  }
  const kept = (field: string) => isChangeable(field) || field === "kpi_target" || field === "time_limit_minutes";
  const changed = Object.entries(changes).filter(([field, value]) => value !== undefined && kept(field));
  const name = live.revising ? { run: live.run_id } : { resume: live.run_id };
  return { ...planned, ...Object.fromEntries(changed), workspace: live.plan.workspace, ...name };
}

function isChangeable(field: string): boolean {
  return (changeable as readonly string[]).includes(field);
}

/** An input named again, as an absolute path or relative to the workspace, is no change. */
function sameInput(plan: Plan, value: unknown, planned: unknown): boolean {
  if (typeof value === "object" && typeof planned === "object") {
    return canonicalJson({ ...planned, ...value }) === canonicalJson(planned);
  }
  return value === planned || (typeof value === "string" && join(plan.workspace, value) === planned);
}

/** A plan as the request that gives it again. Defaults are left out, so that they keep their source. */
function plannedRequest(plan: Plan): PlanRequest {
  const request: Record<string, unknown> = { platform: plan.platform };
  // All of them: a default that a variable changed meanwhile stays what was approved.
  if (plan.platform_settings !== undefined) request.platform_settings = valuesOf(plan.platform_settings);
  for (const [name, { value, source }] of Object.entries(plan.parameters)) {
    if (source === "user" && value !== null && name in planRequestSchema.shape) request[name] = value;
  }
  for (const name of ["spec", "training_csv", "validation_csv", "kpi_csv"]) {
    const path = plan.inputs[name]?.path;
    if (typeof path === "string") request[name] = path;
  }
  const project = plan.inputs.generator?.project;
  if (typeof project === "string") request.project = project;
  return request as PlanRequest;
}
