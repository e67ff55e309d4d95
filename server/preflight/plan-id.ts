import { canonicalJson, sha256 } from "../fs/hash.ts";
import { valuesOf } from "../run/platform-settings.ts";
import type { Plan } from "../run/state.ts";

/** What a plan is made of; `revises` names the live run that it changes. */
export type PlanContent = Pick<
  Plan,
  "platform" | "platform_settings" | "workspace" | "parameters" | "inputs" | "metric_contract" | "adopts"
> & {
  revises?: string | undefined;
};

/** The id that the content of a stored plan gives. */
export function planIdOf(plan: Plan): string {
  return planId({ ...plan, revises: revisedRun(plan) });
}

/** The live run that a stored plan changes. */
export function revisedRun({ revises }: Plan): string | undefined {
  return typeof revises === "string" ? revises : undefined;
}

/**
 * The short id that a human approves: the first 12 hex digits of a sha256 over everything the run will be made of.
 *
 * Values count, not where they came from or how they were worded, so `10` given by a person and `10` by default are one
 * plan. Time, run directory, free disk and GPU load are no part of a plan, so the same inputs give the same id in another
 * process.
 */
export function planId(plan: PlanContent): string {
  const { parameters, metric_contract, platform, platform_settings, workspace, inputs, adopts, revises } = plan;
  // The contract stands for the target's text: `far<0.5 %` and `FAR < 0.5%` are one plan.
  const { kpi_target: _wording, ...settings } = parameters;
  const { display_name: _spelling, ...contract } = metric_contract;
  const values = Object.fromEntries(Object.entries(settings).map(([name, parameter]) => [name, parameter.value]));
  const set = platform_settings === undefined ? {} : { platform_settings: valuesOf(platform_settings) };
  const content = { platform, ...set, workspace, parameters: values, inputs, contract, adopts, revises };
  return sha256(canonicalJson(content)).slice(0, 12);
}
