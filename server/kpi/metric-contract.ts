import { excerpt } from "../errors.ts";
import { defined } from "../run/defined.ts";
import type { Counts, MetricContract, MetricResult } from "../run/metric.ts";
import { farBoundPct } from "./certainty.ts";
import { type FarTarget, number, type Operator, plainTarget, readFarTarget, unparsable } from "./target-text.ts";

type Evaluator = MetricContract["evaluator"];

/** A measured result before it is judged. */
export type Measurement = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly threshold?: number | undefined;
  readonly constraints: Readonly<Record<string, number>>;
  readonly diagnostics?: Readonly<Record<string, unknown>> | undefined;
  /** Parts that FAR was counted from; absent where somebody else measured. */
  readonly counts?: Counts | undefined;
  readonly evidence_path?: string | undefined;
};

/** How a measured result stands against its contract; `failures` names the parts that miss. */
export type Verdict = { readonly passed: boolean; readonly failures: readonly string[] };

const targetShape = new RegExp(
  String.raw`^(?<display>[A-Za-z][\w .%/-]*?)\s*(?<op><=|>=|<|>)\s*(?<target>${number})\s*(?<unit>[^\s@][^@]*?)?(?:\s+(?:at|@)\s+(?<context>.*\S))?$`,
  "iu",
);

/**
 * Reads a target like `FAR < 0.5% at recall=99%` into a metric contract (tao-stages 4.6), in the spellings that people
 * use: words, a decimal comma, full-width signs, the recall before or after.
 *
 * FAR is a percentage, so its sign is required: `FAR < 0.1` could mean 0.1 % or 10 % and is refused. FAR is measured
 * at the recall asked for, 100 % without one, and carries that recall as a constraint. Any other metric needs an
 * `evaluator`, because nothing here can measure it; so do constraints on anything but recall.
 *
 * @param constraints like `precision >= 90%; escapes <= 2 parts`
 * @throws Refusal `metric.unparsable-target` with examples.
 */
export function parseMetricTarget(text: string, evaluator?: Evaluator, constraints?: string): MetricContract {
  const own = evaluator === undefined || evaluator.type === "builtin" ? undefined : evaluator;
  const extra = (constraints ?? "").split(/[;\n]+/).flatMap((one) => (one.trim() === "" ? [] : [constraintOf(one)]));
  const far = readFarTarget(text);
  const contract = far === undefined ? otherContract(text, own) : farContract(far, own);
  if (extra.length === 0) return contract;
  if (own === undefined) {
    throw unparsable(
      extra.map(({ name }) => name).join(", "),
      "nothing here measures these constraints; name an evaluator that does",
    );
  }
  const named = new Set(extra.map(({ name }) => name));
  return { ...contract, constraints: [...contract.constraints.filter(({ name }) => !named.has(name)), ...extra] };
}

function otherContract(text: string, evaluator: Evaluator | undefined): MetricContract {
  const { display_name, operator, target, unit, context } = comparisonIn(text);
  const name = metricName(text, display_name);
  if (context !== undefined) throw unparsable(text, "only FAR may be asked for at another metric's value");
  if (evaluator === undefined) {
    throw unparsable(text, `nothing here measures ${excerpt(display_name)}; FAR is built in, others need an evaluator`);
  }
  return { name, display_name, operator, target, unit, evaluator, constraints: [] };
}

function constraintOf(text: string): MetricContract["constraints"][number] {
  const { display_name, operator, target, unit, context } = comparisonIn(text);
  if (context !== undefined) throw unparsable(text, "a constraint is one comparison");
  const spelled = metricName(text, display_name);
  return { name: unit === "%" && spelled === "recall" ? "recall_pct" : spelled, operator, target, unit };
}

function comparisonIn(text: string) {
  const parts = targetShape.exec(plainTarget(text))?.groups;
  if (parts === undefined) throw unparsable(text, "it does not read `<metric> <operator> <number><unit>`");
  const target = Number(parts.target);
  if (!Number.isFinite(target)) throw unparsable(text, "the target is not a finite number");
  const display_name = (parts.display ?? "").trim();
  return {
    display_name,
    operator: parts.op as Operator,
    target,
    unit: (parts.unit ?? "").trim(),
    context: parts.context,
  };
}

/** The target as a person would write it; `parseMetricTarget` reads it again. */
export function targetText(contract: MetricContract): string {
  const goal = `${contract.display_name} ${contract.operator} ${contract.target}${unitText(contract.unit)}`;
  const { evaluator } = contract;
  if (evaluator.type === "builtin") return `${goal} at recall=${evaluator.parameters.recall_target_pct}%`;
  const [recall] = contract.name === "far_pct" ? contract.constraints.filter(({ name }) => name === "recall_pct") : [];
  return recall === undefined ? goal : `${goal} at recall=${recall.target}%`;
}

/** The whole contract in words, to show what was understood: the target, and what is held against it. */
export function describeContract(contract: MetricContract): string {
  const { confidence_pct } = contract;
  const bound = confidence_pct === undefined ? "" : `, held against the ${confidence_pct}% upper bound`;
  return `${targetText(contract)}${bound}`;
}

/**
 * Judges a measurement by the contract alone; a verdict stored in a file is never believed. A contract with a confidence
 * holds the upper bound of FAR against its target; recall, which the threshold was chosen for, is judged as it is.
 */
export function judge(contract: MetricContract, measured: Omit<Measurement, "name" | "unit">): Verdict {
  const failures: string[] = [];
  if (!compare(heldAgainst(contract, measured), contract.operator, contract.target)) failures.push(contract.name);
  for (const { name, operator, target } of contract.constraints) {
    const value = Object.hasOwn(measured.constraints, name) ? measured.constraints[name] : undefined;
    if (value === undefined) failures.push(`${name}:missing`);
    else if (!compare(value, operator, target)) failures.push(name);
  }
  return { passed: failures.length === 0, failures };
}

/** What meets the target or not: the figure, or its bound, which nothing meets where the parts were not counted. */
function heldAgainst(
  { confidence_pct }: MetricContract,
  { value, counts }: Omit<Measurement, "name" | "unit">,
): number {
  if (confidence_pct === undefined) return value;
  return counts === undefined ? Number.NaN : farBoundPct(counts, confidence_pct);
}

/** A measurement with its verdict, as it is stored. */
export function judged(contract: MetricContract, measured: Measurement): MetricResult {
  const { threshold, diagnostics, counts, evidence_path, ...rest } = measured;
  return {
    ...rest,
    constraints: { ...measured.constraints },
    ...defined({ threshold }),
    ...defined({ diagnostics: diagnostics && { ...diagnostics } }),
    ...defined({ counts }),
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

function farContract({ display, operator, target, recall }: FarTarget, own: Evaluator | undefined): MetricContract {
  const recall_target_pct = recall ?? 100;
  return {
    name: "far_pct",
    display_name: display,
    operator,
    target,
    unit: "%",
    evaluator: own ?? { type: "builtin", id: "far_at_recall", parameters: { recall_target_pct } },
    constraints: [{ name: "recall_pct", operator: ">=", target: recall_target_pct, unit: "%" }],
  };
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
