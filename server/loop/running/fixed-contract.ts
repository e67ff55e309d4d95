import { analyseKpi } from "../../data/kpi-files.ts";
import { Refusal } from "../../errors.ts";
import { canonicalJson } from "../../fs/hash.ts";
import { measureFar } from "../../kpi/far-at-recall.ts";
import { recallTargetPct } from "../../kpi/metric-contract.ts";
import { planIdOf } from "../../preflight/plan-id.ts";
import { iterationLabel } from "../../run/labels.ts";
import type { RunState } from "../../run/state.ts";
import { metric } from "../gates/metric.ts";

/**
 * Proves that a state still holds the metric contract of a plan that a human approved: target, evaluator and
 * constraints. Not even an edit that a human accepts changes it within a run.
 *
 * @throws Refusal `approval.unchangeable`.
 */
export function assertContractFixed(state: RunState): void {
  const { plan, metric_contract: contract, approvals } = state;
  const sealed = canonicalJson(contract) === canonicalJson(plan.metric_contract);
  const approved = approvals.some(({ plan_id }) => plan_id === plan.plan_id);
  if (sealed && approved && planIdOf(plan) === plan.plan_id) return;
  const facts = { contract, planned: plan.metric_contract, plan_id: plan.plan_id };
  throw new Refusal("approval.unchangeable", "The state holds another contract or plan than was approved.", facts);
}

/**
 * Proves from the committed inference that the last iteration meets the contract, before a run may claim its target.
 *
 * @throws Refusal `metric.bad-result` when the recomputed figure or verdict is another one.
 */
export async function assertTargetMet(state: RunState): Promise<void> {
  assertContractFixed(state);
  const { metric_contract: contract, current_iteration } = state;
  const { metric_result: result, inference_csv } = state.iterations[iterationLabel(current_iteration)] ?? {};
  if (result?.passed !== true || inference_csv === undefined) {
    throw new Refusal("metric.bad-result", "The last iteration has no result that meets the target.", {});
  }
  const recall_pct = recallTargetPct(contract);
  const { sweep } = await analyseKpi(inference_csv, recall_pct / 100);
  const swept_far_pct = measureFar(sweep, recall_pct).value;
  const [verdict] = metric.judge({ metric: { inference_csv, result, swept_far_pct } }, { stage: "evaluate", contract });
  if (verdict !== undefined) throw new Refusal(verdict.code, verdict.message, verdict.facts);
}
