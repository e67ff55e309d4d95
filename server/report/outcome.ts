import { describeContract, judge, selectBest } from "../kpi/metric-contract.ts";
import { fourDigits } from "../run/figures.ts";
import type { MetricContract } from "../run/metric.ts";
import { pct, points } from "./format.ts";
import type { IterationView, Outcome } from "./model.ts";

/** The iteration with the best measured result by the contract, or by the lowest FAR in a run without contract. */
export function bestIteration(
  contract: MetricContract | undefined,
  iterations: readonly IterationView[],
): IterationView | undefined {
  if (contract !== undefined) {
    const measured = iterations.flatMap((view) => (view.metric === undefined ? [] : [{ ...view.metric, view }]));
    const best = selectBest(contract, measured);
    if (best !== undefined) return best.view;
  }
  let lowest: IterationView | undefined;
  for (const view of iterations) {
    if (view.far_pct !== undefined && view.far_pct < (lowest?.far_pct ?? Number.POSITIVE_INFINITY)) lowest = view;
  }
  return lowest;
}

/** How far the best result is from the target; the stored verdict is recomputed, never believed. */
export function outcomeOf(contract: MetricContract | undefined, best: IterationView | undefined): Outcome {
  if (best?.metric === undefined || contract === undefined) {
    return { kind: "unmeasured", label: "not measured yet", sentence: "No iteration has a measured result yet." };
  }
  const { metric } = best;
  const verdict = judge(contract, metric);
  const reached = `${contract.display_name} ${valueText(metric.value, contract.unit)} (${best.label})`;
  const asked = `target ${describeContract(contract)}`;
  if (verdict.passed) return { kind: "met", label: "MET", sentence: `${reached} meets the ${asked}.` };
  const gaps = contract.constraints.flatMap(({ name, operator, target, unit }) => {
    if (!verdict.failures.includes(name))
      return verdict.failures.includes(`${name}:missing`) ? [`${name} was not measured`] : [];
    const value = metric.constraints[name] ?? Number.NaN;
    return [
      `${name} ${valueText(value, unit)} is ${gapText(value, target, unit)} from its limit ${operator} ${valueText(target, unit)}`,
    ];
  });
  const primary = verdict.failures.includes(contract.name);
  const label = primary ? `${gapText(metric.value, contract.target, contract.unit)} from target` : "limit open";
  const sentence = [`${reached}; ${asked}`, ...(primary ? [label] : []), ...gaps].join("; ");
  return { kind: "gap", label, sentence: `${sentence}.` };
}

function gapText(value: number, target: number, unit: string): string {
  if (unit === "%") return points(value - target);
  return `${fourDigits(Math.abs(value - target))}${unit === "" ? "" : ` ${unit}`}`;
}

/** A value in the unit of its contract. */
export function valueText(value: number, unit: string): string {
  if (unit === "%") return pct(value);
  return `${fourDigits(value)}${unit === "" ? "" : ` ${unit}`}`;
}
