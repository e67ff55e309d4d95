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
 * What the run adopted and its pool, which it holds a snapshot of, stay as they were approved.
 */
export function livePlan(ready: Ready, live: LiveRun): Plan {
  const before = live.plan;
  const content: PlanContent = {
    ...contentOf(ready),
    parameters: keepSources(ready.parameters, before),
    inputs: before.inputs,
    ...defined({ adopts: before.adopts }),
  };
  if (planId({ ...content, revises: revisedRun(before) }) === before.plan_id) return before;
  const revised = { ...content, revises: live.run_id };
  return { plan_id: planId(revised), ...revised };
}

/** The finding that an input of a live run is not what was approved; undefined while all are. */
export function driftOf(ready: Ready, live: LiveRun): Check | undefined {
  const now = planInputs(ready);
  const drifted = Object.entries(live.plan.inputs).filter(([name, before]) => {
    const grows = name === "mining_pool" || before.fetch !== undefined;
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

/** Names of the parameters whose value differs between two plans. */
export function changedParameters(before: Plan, after: Plan): string[] {
  const names = new Set([...Object.keys(before.parameters), ...Object.keys(after.parameters)]);
  return [...names].filter((name) => before.parameters[name]?.value !== after.parameters[name]?.value);
}

function contentOf(ready: Ready): PlanContent {
  return {
    platform: ready.platform,
    workspace: ready.workspace,
    parameters: ready.parameters,
    inputs: planInputs(ready),
    metric_contract: ready.contract,
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
