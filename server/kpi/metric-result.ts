import { excerpt, Refusal } from "../errors.ts";
import { defined } from "../run/defined.ts";
import type { MetricContract } from "../run/metric.ts";
import { isRecord } from "../run/record.ts";
import type { Measurement } from "./metric-contract.ts";

/**
 * Takes what a `command` or `artifact` evaluator wrote for a measurement of the contract (tao-stages 4.6). A `passed`
 * in it is ignored: the verdict is ours. `source` is for messages.
 *
 * @throws Refusal `metric.bad-result` naming the field.
 */
export function parseMeasurement(contract: MetricContract, value: unknown, source: string): Measurement {
  const bad = (field: string, problem: string, found?: unknown) =>
    new Refusal("metric.bad-result", `In ${source}, ${field} ${problem}.`, {
      source,
      field,
      found: excerpt(String(found)),
    });
  if (!isRecord(value)) throw bad("the result", "is not a JSON object", typeof value);
  if (value.name !== contract.name) throw bad("name", `is not ${contract.name}`, value.name);
  if (value.unit !== contract.unit) throw bad("unit", `is not "${contract.unit}"`, value.unit);
  if (!isFiniteNumber(value.value)) throw bad("value", "is not a finite number", value.value);
  const { threshold } = value;
  if (threshold !== undefined && threshold !== null && !isFiniteNumber(threshold)) {
    throw bad("threshold", "is not a finite number", threshold);
  }
  const given = value.constraints ?? {};
  if (!isRecord(given)) throw bad("constraints", "is not a JSON object", typeof given);
  const constraints: Record<string, number> = {};
  for (const { name } of contract.constraints) {
    const measured = Object.hasOwn(given, name) ? given[name] : undefined;
    if (!isFiniteNumber(measured)) throw bad(`constraints.${name}`, "is not a finite number", measured);
    constraints[name] = measured;
  }
  return {
    name: contract.name,
    value: value.value,
    unit: contract.unit,
    ...defined({ threshold: isFiniteNumber(threshold) ? threshold : undefined }),
    constraints,
    ...defined({ diagnostics: isRecord(value.diagnostics) ? value.diagnostics : undefined }),
  };
}

/**
 * The one file that an `artifact` evaluator may deliver for an iteration.
 *
 * @throws Refusal `metric.bad-result` when the template is not absolute or has not exactly one `{iter_label}`.
 */
export function artifactPath(template: string, iteration: string): string {
  const parts = template.split("{iter_label}");
  if (template.startsWith("/") && parts.length === 2 && !/[{}]/.test(parts.join(""))) return parts.join(iteration);
  throw new Refusal("metric.bad-result", "The artifact's path_template is not usable.", {
    path_template: excerpt(template),
    expected: "an absolute path with {iter_label} in it once and no other placeholder",
  });
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
