import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { analyseKpi } from "../../../../server/data/kpi-files.ts";
import { measureFar } from "../../../../server/kpi/far-at-recall.ts";
import { judged } from "../../../../server/kpi/metric-contract.ts";
import { assertContractFixed, assertTargetMet } from "../../../../server/loop/running/fixed-contract.ts";
import type { RunState } from "../../../../server/run/state.ts";
import { aState } from "../../../support/a-run.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";

const newFolder = temporaryFolders();
const vectors = "test/fixtures/vectors/kpi";

/** A run whose last iteration was measured on `scores`, as its evaluate would have recorded it. */
async function measuredOn(scores: string): Promise<RunState> {
  const home = await newFolder();
  const inference_csv = join(home, "inference.csv");
  await copyFile(join(vectors, scores), inference_csv);
  const state = aState(join(home, "results", "run_20261121_100000"));
  const { sweep } = await analyseKpi(inference_csv, 0.99);
  const metric_result = judged(state.metric_contract, measureFar(sweep, 99));
  return { ...state, iterations: { baseline: { status: "complete", inference_csv, metric_result } } };
}

const baseline = (state: RunState) => state.iterations.baseline ?? {};

describe("a target that a finished loop claims", () => {
  it("is granted where the committed inference meets it", async () => {
    await expect(assertTargetMet(await measuredOn("perfect_separation.csv"))).resolves.toBeUndefined();
  });

  it.each<[string, (state: RunState) => Promise<unknown> | unknown]>([
    ["was not met", () => undefined],
    ["is claimed by hand", (state) => Object.assign(baseline(state).metric_result ?? {}, { passed: true })],
    [
      "is claimed with another figure",
      (state) => Object.assign(baseline(state).metric_result ?? {}, { passed: true, value: 0.01 }),
    ],
  ])("is refused where it %s", async (_, claim) => {
    const state = await measuredOn("random_200.csv");
    await claim(state);
    expect((await refusalOf(() => assertTargetMet(state))).code).toBe("metric.bad-result");
  });

  it("is refused where the inference was exchanged since", async () => {
    const state = await measuredOn("perfect_separation.csv");
    await copyFile(join(vectors, "random_200.csv"), String(baseline(state).inference_csv));
    const refusal = await refusalOf(() => assertTargetMet(state));
    expect([refusal.code, refusal.message]).toEqual([
      "metric.bad-result",
      "The claimed FAR is not that of the inference.",
    ]);
  });
});

describe("the contract of a run", () => {
  const state = aState("/w/results/run_1");
  const contract = { ...state.metric_contract, target: 50 };

  it("is the approved plan's", () => {
    expect(() => assertContractFixed(state)).not.toThrow();
  });

  it.each<[string, Partial<RunState>]>([
    ["a softer target", { metric_contract: contract }],
    [
      "a softer target in the plan as well",
      { metric_contract: contract, plan: { ...state.plan, metric_contract: contract } },
    ],
    ["no constraint", { metric_contract: { ...state.metric_contract, constraints: [] } }],
    ["a plan that nobody approved", { approvals: [] }],
  ])("is not fixed with %s", async (_, change) => {
    expect((await refusalOf(() => assertContractFixed({ ...state, ...change }))).code).toBe("approval.unchangeable");
  });
});
