import { excerpt, Refusal } from "../errors.ts";
import { defined } from "../run/defined.ts";
import type { MetricContract, MetricResult } from "../run/metric.ts";

type Operator = MetricContract["operator"];
type Evaluator = MetricContract["evaluator"];

/** A measured result before it is judged. */
export type Measurement = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly threshold?: number | undefined;
  readonly constraints: Readonly<Record<string, number>>;
  readonly diagnostics?: Readonly<Record<string, unknown>> | undefined;
  readonly evidence_path?: string | undefined;
};

/** How a measured result stands against its contract; `failures` names the parts that miss. */
export type Verdict = { readonly passed: boolean; readonly failures: readonly string[] };

const examples = ["FAR < 0.5% at recall=99%", "FAR <= 1%", "quality_score >= 0.9"];

const operators: Readonly<Record<string, Operator>> = {
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "≤": "<=",
  "≥": ">=",
  lt: "<",
  le: "<=",
  lte: "<=",
  gt: ">",
  ge: ">=",
  gte: ">=",
};

const number = String.raw`[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?`;
const targetShape = new RegExp(
  String.raw`^(?<display>[A-Za-z][\w .%/-]*?)\s*(?<op><=|>=|<|>|≤|≥|\b(?:lte?|le|gte?|ge)\b)\s*(?<target>${number})\s*(?<unit>[^\s@][^@]*?)?(?:\s+(?:at|@)\s+(?<context>.*\S))?$`,
  "iu",
);
const recallShape = new RegExp(String.raw`^recall\s*(?:=|>=|of)?\s*(?<value>${number})\s*(?<sign>%)?$`, "i");

/**
 * Reads a target like `FAR < 0.5% at recall=99%` into a metric contract (tao-stages 4.6).
 *
 * FAR is a percentage, so its sign is required: `FAR < 0.1` could mean 0.1 % or 10 % and is refused. FAR is measured
 * at the recall asked for, 100 % without one, and carries that recall as a constraint. Any other metric needs an
 * `evaluator`, because nothing here can measure it.
 *
 * @throws Refusal `metric.unparsable-target` with examples.
 */
export function parseMetricTarget(text: string, evaluator?: Evaluator): MetricContract {
  const parts = targetShape.exec(text.trim())?.groups;
  if (parts === undefined) throw unparsable(text, "it does not read `<metric> <operator> <number><unit>`");
  const operator = operators[(parts.op ?? "").toLowerCase()];
  const target = Number(parts.target);
  if (operator === undefined || !Number.isFinite(target)) throw unparsable(text, "the target is not a finite number");
  const display_name = (parts.display ?? "").trim();
  const unit = (parts.unit ?? "").trim();
  const name = metricName(text, display_name);
  if (name === "far" || name === "far_pct")
    return farContract(text, display_name, operator, target, unit, parts.context);
  if (parts.context !== undefined) throw unparsable(text, "only FAR may be asked for at another metric's value");
  if (evaluator === undefined || evaluator.type === "builtin") {
    throw unparsable(text, `nothing here measures ${excerpt(display_name)}; FAR is built in, others need an evaluator`);
  }
  return { name, display_name, operator, target, unit, evaluator, constraints: [] };
}

/** The contract as a person would write it, to show what was understood. */
export function describeContract(contract: MetricContract): string {
  const goal = `${contract.display_name} ${contract.operator} ${contract.target}${unitText(contract.unit)}`;
  const { evaluator } = contract;
  return evaluator.type === "builtin" ? `${goal} at recall=${evaluator.parameters.recall_target_pct}%` : goal;
}

/** Judges a measurement by the contract alone; a verdict stored in a file is never believed. */
export function judge(contract: MetricContract, measured: Omit<Measurement, "name" | "unit">): Verdict {
  const failures: string[] = [];
  if (!compare(measured.value, contract.operator, contract.target)) failures.push(contract.name);
  for (const { name, operator, target } of contract.constraints) {
    const value = Object.hasOwn(measured.constraints, name) ? measured.constraints[name] : undefined;
    if (value === undefined) failures.push(`${name}:missing`);
    else if (!compare(value, operator, target)) failures.push(name);
  }
  return { passed: failures.length === 0, failures };
}

/** A measurement with its verdict, as it is stored. */
export function judged(contract: MetricContract, measured: Measurement): MetricResult {
  const { threshold, diagnostics, evidence_path, ...rest } = measured;
  return {
    ...rest,
    constraints: { ...measured.constraints },
    ...defined({ threshold }),
    ...defined({ diagnostics: diagnostics && { ...diagnostics } }),
    passed: judge(contract, measured).passed,
    ...defined({ evidence_path }),
  };
}

/**
 * The best of several measured candidates: among those that keep every constraint (among all, when none does) the
 * lowest value for `<` and `<=`, the highest for `>` and `>=`; the earlier wins a tie. Undefined without candidates.
 */
export function selectBest<T extends Omit<Measurement, "name" | "unit">>(
  contract: MetricContract,
  candidates: readonly T[],
): T | undefined {
  const kept = candidates.filter((candidate) =>
    judge(contract, candidate).failures.every((failure) => failure === contract.name),
  );
  const lower = contract.operator === "<" || contract.operator === "<=";
  let best: T | undefined;
  for (const candidate of kept.length > 0 ? kept : candidates) {
    if (best === undefined || (lower ? candidate.value < best.value : candidate.value > best.value)) best = candidate;
  }
  return best;
}

/** The recall that the contract measures FAR at, in percent; 100 for a metric that is not FAR. */
export function recallTargetPct(contract: MetricContract): number {
  return contract.evaluator.type === "builtin" ? contract.evaluator.parameters.recall_target_pct : 100;
}

function farContract(
  text: string,
  display_name: string,
  operator: Operator,
  target: number,
  unit: string,
  context: string | undefined,
): MetricContract {
  if (unit !== "%") throw unparsable(text, "FAR is a percentage; write its sign, like `FAR < 0.1%`");
  if (operator !== "<" && operator !== "<=") throw unparsable(text, "FAR is to be small; write `<` or `<=`");
  if (target < 0 || target > 100) throw unparsable(text, "FAR lies between 0% and 100%");
  const recall_target_pct = context === undefined ? 100 : recallOf(text, context);
  return {
    name: "far_pct",
    display_name,
    operator,
    target,
    unit,
    evaluator: { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct } },
    constraints: [{ name: "recall_pct", operator: ">=", target: recall_target_pct, unit: "%" }],
  };
}

function recallOf(text: string, context: string): number {
  const parts = recallShape.exec(context)?.groups;
  if (parts === undefined) throw unparsable(text, "what follows `at` does not read `recall=<number>%`");
  const value = Number(parts.value);
  if (parts.sign === undefined) throw unparsable(text, "recall is a percentage; write its sign, like `recall=99%`");
  if (!(value > 0 && value <= 100)) throw unparsable(text, "recall lies above 0% and at most at 100%");
  return value;
}

function metricName(text: string, display: string): string {
  const name = display
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw unparsable(text, "the metric's name has no letters to begin with");
  return name;
}

function compare(value: number, operator: Operator, target: number): boolean {
  switch (operator) {
    case "<":
      return value < target;
    case "<=":
      return value <= target;
    case ">":
      return value > target;
    case ">=":
      return value >= target;
  }
}

function unitText(unit: string): string {
  return unit === "" || unit === "%" ? unit : ` ${unit}`;
}

function unparsable(text: string, reason: string): Refusal {
  return new Refusal("metric.unparsable-target", `The target is not usable: ${reason}.`, {
    target: excerpt(text),
    examples,
  });
}
