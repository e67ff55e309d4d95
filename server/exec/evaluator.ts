import { rm } from "node:fs/promises";
import { excerpt, Refusal } from "../errors.ts";
import { readJson } from "../fs/json.ts";
import type { Measurement } from "../kpi/metric-contract.ts";
import { parseMeasurement } from "../kpi/metric-result.ts";
import type { MetricContract } from "../run/metric.ts";
import { programEnv } from "./program-env.ts";

type CommandEvaluator = Extract<MetricContract["evaluator"], { type: "command" }>;

const timeLimitSec = 600;
const outputLimit = 1 << 20;

/**
 * Runs the contract's own evaluator program on an inference CSV and returns its measurement; no shell is involved.
 * Of the environment it gets what a program needs to start, and no secret.
 * Both paths are absolute; the program writes `outputJson` itself.
 *
 * @throws Refusal `metric.evaluator-failed` for an exit code other than 0 or after ten minutes; `metric.bad-result`.
 */
export async function runEvaluator(
  contract: MetricContract,
  evaluator: CommandEvaluator,
  paths: { readonly inferenceCsv: string; readonly outputJson: string },
  env: NodeJS.ProcessEnv = process.env,
): Promise<Measurement> {
  const { execa } = await import("execa");
  const argv = [...evaluator.args, "--inference-csv", paths.inferenceCsv, "--output-json", paths.outputJson];
  // A result that an earlier run left must not pass for this one's.
  await rm(paths.outputJson, { force: true });
  const ended = await execa(evaluator.path, argv, {
    reject: false,
    stdin: "ignore",
    env: programEnv(env),
    extendEnv: false,
    timeout: timeLimitSec * 1000,
    maxBuffer: outputLimit,
  });
  if (ended.failed) {
    throw new Refusal("metric.evaluator-failed", "The metric's evaluator did not succeed.", {
      path: evaluator.path,
      exit_code: ended.exitCode ?? null,
      outcome: ended.timedOut ? "timeout" : "failed",
      stderr: excerpt(String(ended.stderr ?? "").trim(), 400),
      inference_csv: paths.inferenceCsv,
    });
  }
  return readMeasurement(contract, paths.outputJson);
}

/**
 * Reads the result that an evaluator left in a file. @throws Refusal `metric.bad-result`, `input.unreadable-file`.
 */
export async function readMeasurement(contract: MetricContract, path: string): Promise<Measurement> {
  return { ...parseMeasurement(contract, await readJson(path), path), evidence_path: path };
}
