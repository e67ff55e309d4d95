import { isAbsolute, join } from "node:path";
import { Refusal } from "../errors.ts";
import { isExecutable, kindOf } from "../fs/read.ts";
import { parseMetricTarget } from "../kpi/metric-contract.ts";
import { artifactPath } from "../kpi/metric-result.ts";
import type { MetricContract } from "../run/metric.ts";
import type { PlanRequest } from "./request.ts";

/**
 * The metric contract that a request asks for: the target, its constraints and what measures them. Undefined while no
 * target was given.
 *
 * @throws Refusal `metric.unparsable-target`, `metric.bad-result` for a template, `input.unreadable-file` for a program.
 */
export async function contractOf(request: PlanRequest, workspace: string): Promise<MetricContract | undefined> {
  const { kpi_target, kpi_confidence = "point", evaluator, constraints } = request;
  if (kpi_target === undefined) return undefined;
  const own = evaluator === undefined ? undefined : await evaluatorOf(evaluator, workspace);
  const contract = parseMetricTarget(kpi_target, own, constraints);
  // `point` is what a contract without a confidence means.
  return kpi_confidence === "point" ? contract : { ...contract, confidence_pct: Number.parseInt(kpi_confidence, 10) };
}

/** A program that is run on each inference, or the place where somebody delivers the result of each iteration. */
async function evaluatorOf(given: string, workspace: string): Promise<MetricContract["evaluator"]> {
  const path = isAbsolute(given) ? given : join(workspace, given);
  if (path.includes("{")) {
    artifactPath(path, "baseline");
    return { type: "artifact", producer: "user", path_template: path };
  }
  if ((await kindOf(path)) !== "file") {
    throw new Refusal("input.unreadable-file", "The evaluator is no file that could be executed.", { path });
  }
  if (!(await isExecutable(path))) {
    const facts = { path, next: `chmod +x ${path}` };
    throw new Refusal("input.unreadable-file", "The evaluator is not executable for this user.", facts);
  }
  return { type: "command", path, args: [] };
}
