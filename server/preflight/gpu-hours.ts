import { platformTraits } from "../run/platform-traits.ts";
import type { Plan } from "../run/state.ts";
import { type Estimate, totalMinutes } from "./estimate.ts";

/**
 * What a run takes of machines that others use too, in GPU hours: a person who approves the plan agrees to it. Undefined on
 * a platform of this host.
 */
export function gpuHoursText(plan: Plan, estimate: Estimate | undefined): string | undefined {
  const { parameters, platform_settings: settings = {} } = plan;
  if (!platformTraits[plan.platform].remote) return undefined;
  const iterations = parameters.max_iterations?.value;
  const gpus = gpusAsked(settings.gres?.value) ?? Number(parameters.num_gpus?.value ?? 0);
  const limit = settings.time === undefined ? "" : `; every job at most ${settings.time.value}`;
  if (gpus === 0) return `none${limit}`;
  if (estimate === undefined || typeof iterations !== "number") return `unknown, ${gpus} GPUs${limit}`;
  const hours = Math.ceil((gpus * totalMinutes(estimate, iterations)) / 6) / 10;
  return `about ${hours}, on ${gpus} GPU${gpus === 1 ? "" : "s"} for the estimated runtime${limit}`;
}

/** How many GPUs a text like `gpu:h100:2` asks for. */
function gpusAsked(gres: unknown): number | undefined {
  const found = typeof gres === "string" ? /(?:^|,)gpu(?::[A-Za-z][^:,]*)?(?::(\d+))?(?:,|$)/.exec(gres) : null;
  return found === null ? undefined : Number(found[1] ?? 1);
}
