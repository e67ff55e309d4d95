import type { TrainSpec } from "../data/spec.ts";
import { recallTargetPct, targetText } from "../kpi/metric-contract.ts";
import type { Deps } from "../ports/call.ts";
import type { MiningRule } from "../run/labels.ts";
import type { MetricContract } from "../run/metric.ts";
import type { Program } from "../run/platform-traits.ts";
import { valueAt } from "../run/record.ts";
import type { PlanRequest } from "./request.ts";
import type { Parameter, Parameters } from "./survey.ts";

type Ground = {
  readonly request: PlanRequest;
  readonly spec: TrainSpec | undefined;
  readonly contract: MetricContract | undefined;
  readonly program: Program | undefined;
  readonly airgapped: boolean;
  /** What the plan of a live run says; one without a mining rule keeps the vendor's and stays the plan that it was. */
  readonly planned?: Parameters | undefined;
  /** Where training goes when the operator sends it away from the platform. */
  readonly trains_on: string | undefined;
};

/** Published defaults (tao-stages 6.4); the seed of training is the train schema's. */
const defaults = {
  num_epochs: 10,
  num_sdg: 20,
  top_k: 5,
  batch_size: 16,
  num_gpus: 1,
  seed: 1234,
  generator_seed: 42,
};

/** Ours, chosen by measurement (references/decisions); the vendor's rule is there by its name. */
const defaultMiningRule: MiningRule = "pool_error";
/** The vendor's cut-off is the published one; ours compares more rows and takes the best of them. */
const defaultCutOff: Readonly<Record<MiningRule, number>> = { vendor: 0.9, pool_error: 0.7 };

/**
 * Every setting of the run with where it came from: the person, the spec, or the published default.
 *
 * `max_iterations` and the KPI target have no default, so they are absent until somebody gives them.
 */
export function resolveParameters(ground: Ground): Parameters {
  const { request, spec, contract, program } = ground;
  const parameters: Record<string, Parameter> = {};
  const put = (name: string, value: unknown, source: Parameter["source"]) => {
    parameters[name] = { value, source };
  };
  if (contract !== undefined) put("kpi_target", targetText(contract), "user");
  for (const name of ["constraints", "evaluator"] as const) {
    if (request[name] !== undefined) put(name, request[name], "user");
  }
  // The default is no parameter, so that a plan from before there was a choice is the same plan.
  if (contract?.confidence_pct !== undefined) put("kpi_confidence", `${contract.confidence_pct}%`, "user");
  if (request.max_iterations !== undefined) put("max_iterations", request.max_iterations, "user");
  const inSpec = (key: string) => (spec === undefined ? undefined : (valueAt(spec.raw, key) ?? undefined));
  parameters.num_epochs = choose(request.num_epochs, inSpec("train.num_epochs"), defaults.num_epochs);
  parameters.batch_size = choose(request.batch_size, inSpec("dataset.classify.batch_size"), defaults.batch_size);
  parameters.seed = choose(request.seed, specSeed(inSpec("train.seed")), defaults.seed);
  const gpus = program === "engine" ? { value: 0, source: "default" as const } : undefined;
  parameters.num_gpus = gpus ?? choose(request.num_gpus, inSpec("train.num_gpus"), defaults.num_gpus);
  parameters.num_sdg = choose(request.num_sdg, undefined, defaults.num_sdg);
  const fromBeforeRules = ground.planned !== undefined && ground.planned.mining === undefined;
  const rule = fromBeforeRules ? "vendor" : (request.mining ?? defaultMiningRule);
  if (!fromBeforeRules) parameters.mining = choose(request.mining, undefined, rule);
  parameters.top_k = choose(request.top_k, undefined, defaults.top_k);
  parameters.min_similarity = choose(request.min_similarity, undefined, defaultCutOff[rule]);
  // Nor are these, unless somebody asks for them.
  for (const name of ["rows_per_iteration", "mined_pass_pct", "patience"] as const) {
    if (request[name] !== undefined) put(name, request[name], "user");
  }
  parameters.generator_seed = choose(request.seed, undefined, defaults.generator_seed);
  put("generator_model_size", "2b", "default");
  parameters.synthetic_only = choose(request.synthetic_only, undefined, false);
  parameters.stage_time_limit_sec = choose(request.stage_time_limit_sec, undefined, null);
  put("mining_metric", "cosine", "default");
  put("top_k_per_label", 50, "default");
  put("min_recall", (contract === undefined ? 100 : recallTargetPct(contract)) / 100, "default");
  if (ground.trains_on !== undefined) put("trains_on", ground.trains_on, "user");
  if (program === "tao" || request.network_mode !== undefined) {
    put("network_mode", ground.airgapped ? "airgap" : "network-enabled", ground.airgapped ? "user" : "default");
  }
  return parameters;
}

/** Whether nothing may be fetched: the person says so, or `AIR_GAPPED=1` does for every run of this server. */
export function isAirgapped({ request, deps }: { request: PlanRequest; deps: Pick<Deps, "env"> }): boolean {
  return request.network_mode === "airgap" || deps.env.AIR_GAPPED === "1";
}

/** A negative seed means "no seed" to TAO; a run has one, so the default takes its place. */
function specSeed(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function choose(user: unknown, spec: unknown, fallback: unknown): Parameter {
  if (user !== undefined) return { value: user, source: "user" };
  return spec === undefined ? { value: fallback, source: "default" } : { value: spec, source: "spec" };
}
