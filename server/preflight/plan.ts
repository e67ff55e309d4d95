import { canonicalJson } from "../fs/hash.ts";
import { defined } from "../run/defined.ts";
import type { Plan } from "../run/state.ts";
import type { Ready } from "./config.ts";
import { type PlanContent, planId, revisedRun } from "./plan-id.ts";
import { planInputs } from "./plan-inputs.ts";
import type { Check, LiveRun } from "./resolution.ts";

/** The plan of a fresh run. */
export function freshPlan(ready: Ready): Plan {
  const content = contentOf(ready);
  return { plan_id: planId(content), ...content };
}

/**
 * The plan of a live run: its present one, id and all, when nothing changed, else a revision bound to that run.
 * What the run adopted stays as it was approved, and so does its pool, which it holds a snapshot of, unless it is revised.
 */
export function livePlan(ready: Ready, live: LiveRun): Plan {
  const before = live.plan;
  const content: PlanContent = {
    ...contentOf(ready),
    parameters: { ...keepSources(ready.parameters, before), ...pastTarget(ready, live) },
    inputs: { ...before.inputs, ...inputsAnew(ready, live) },
    ...defined({ adopts: before.adopts, platform_settings: before.platform_settings }),
  };
  if (planId({ ...content, revises: revisedRun(before) }) === before.plan_id) return before;
  const revised = { ...content, revises: live.run_id };
  return { plan_id: planId(revised), ...revised };
}

/** A run that met its target goes on only because a human says so, and then to its last iteration. */
function pastTarget({ request }: Ready, { plan, ended_by, iteration }: LiveRun): Plan["parameters"] {
  const { past_target } = plan.parameters;
  if (past_target !== undefined) return { past_target };
  const goesOn = ended_by === "metric_met" && (request.max_iterations ?? 0) > iteration;
  return goesOn && request.run !== undefined ? { past_target: { value: true, source: "user" } } : {};
}

/** Inputs that a revision reads anew: a pool that somebody widened, and a generator that the run had none of. */
function inputsAnew(ready: Ready, { plan, revising }: LiveRun): Plan["inputs"] {
  const now = planInputs(ready);
  const { generator, mining_pool } = plan.inputs;
  return {
    ...(revising && mining_pool?.sha256 !== undefined && now.mining_pool?.sha256 !== undefined
      ? { mining_pool: now.mining_pool }
      : {}),
    ...(hasGenerator(generator) || !hasGenerator(now.generator) ? {} : { generator: now.generator ?? {} }),
  };
}

function hasGenerator(input: Plan["inputs"][string] | undefined): boolean {
  return input !== undefined && Object.keys(input).length > 0;
}

/** The finding that an input of a live run is not what was approved; undefined while all are. */
export function driftOf(ready: Ready, live: LiveRun): Check | undefined {
  const now = planInputs(ready);
  const drifted = Object.entries(live.plan.inputs).filter(([name, before]) => {
    const unused = name === "generator" && !(hasGenerator(before) && hasGenerator(now[name]));
    const grows = name === "mining_pool" || before.fetch !== undefined || unused;
    return !grows && canonicalJson(before) !== canonicalJson(now[name] ?? {});
  });
  if (drifted.length === 0) return undefined;
  const names = drifted.map(([name]) => name);
  return {
    id: "live_inputs",
    title: "Inputs of the live run",
    outcome: "halt",
    code: "approval.unchangeable",
    detail: `${names.join(", ")} changed since the plan of ${live.run_id} was approved`,
    fix: "Restore what was approved, or start a new run with resume=fresh.",
    facts: { changed: names },
  };
}

/** Names of the parameters and inputs that differ between two plans. */
export function changedParameters(before: Plan, after: Plan): string[] {
  const names = new Set([...Object.keys(before.parameters), ...Object.keys(after.parameters)]);
  const inputs = Object.keys(after.inputs).filter(
    (name) => canonicalJson(before.inputs[name] ?? {}) !== canonicalJson(after.inputs[name]),
  );
  return [...names].filter((name) => before.parameters[name]?.value !== after.parameters[name]?.value).concat(inputs);
}

function contentOf(ready: Ready): PlanContent {
  return {
    platform: ready.platform,
    workspace: ready.workspace,
    parameters: ready.parameters,
    inputs: planInputs(ready),
    metric_contract: ready.contract,
    ...(Object.keys(ready.settings ?? {}).length === 0 ? {} : { platform_settings: { ...ready.settings } }),
    ...defined({ adopts: ready.adopts }),
  };
}

/** A value that the live run already had keeps saying where it came from. */
function keepSources(parameters: Plan["parameters"], before: Plan): Plan["parameters"] {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => {
      const old = before.parameters[name];
      return [name, old !== undefined && old.value === parameter.value ? old : parameter];
    }),
  );
}
