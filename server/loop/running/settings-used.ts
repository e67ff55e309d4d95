import type { StageName } from "../../run/labels.ts";
import type { Plan } from "../../run/state.ts";

const settingsOf: Readonly<Partial<Record<StageName, readonly string[]>>> = {
  train: ["num_epochs", "batch_size", "seed", "num_gpus"],
  anomalygen: ["num_sdg", "generator_seed"],
  data_mining: ["mining", "min_similarity", "top_k", "rows_per_iteration", "mined_pass_pct"],
  evaluate: ["kpi_target"],
};

/** What of a plan a stage went by; the plan may be revised before the next one runs. */
export function settingsUsed({ parameters }: Plan, stage: StageName): Record<string, unknown> {
  const known = (settingsOf[stage] ?? []).filter((name) => parameters[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, parameters[name]?.value]));
}
