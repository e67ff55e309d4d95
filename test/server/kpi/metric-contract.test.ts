import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../../../server/errors.ts";
import {
  describeContract,
  judge,
  judged,
  parseMetricTarget,
  recallTargetPct,
  selectBest,
} from "../../../server/kpi/metric-contract.ts";
import { metricContractSchema } from "../../../server/run/metric.ts";

const file = new URL("../../fixtures/vectors/metric_contract/expected.json", import.meta.url);
const published: { texts: string[]; vendor: { results: { ok?: { evaluator: { type: string } } }[] } } = JSON.parse(
  readFileSync(file, "utf8"),
);
const answers = published.texts.map((text, at) => ({ text, vendor: published.vendor.results[at]?.ok }));
const command = { type: "command" as const, path: "/opt/measure", args: [] };

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "accepted";
}

describe("metric target", () => {
  it.each(answers.filter(({ text, vendor }) => vendor?.evaluator.type === "builtin" && !text.includes("abc")))(
    "$text means what the published parser makes of it, with its recall as a constraint",
    ({ text, vendor }) => {
      const contract = parseMetricTarget(text);
      const recall = recallTargetPct(contract);
      expect(contract).toEqual({
        ...vendor,
        constraints: [{ name: "recall_pct", operator: ">=", target: recall, unit: "%" }],
      });
      expect(metricContractSchema.parse(contract)).toEqual(contract);
    },
  );

  it.each(answers.filter(({ text, vendor }) => vendor?.evaluator.type !== "builtin" || text.includes("abc")))(
    "$text is refused instead of becoming a metric that nobody measures",
    ({ text }) => expect(codeOf(() => parseMetricTarget(text))).toBe("metric.unparsable-target"),
  );

  it.each([
    ["FAR < 0.5% at recall 100%", 0.5, 100],
    ["far_pct <= 1 % @ recall>=99.5 %", 1, 99.5],
    ["FAR lt 2% at recall=95%", 2, 95],
    ["FAR ≤ 2%", 2, 100],
  ])("%s asks for FAR at the recall it names", (text, target, recall) => {
    const contract = parseMetricTarget(text);
    expect([contract.target, recallTargetPct(contract)]).toEqual([target, recall]);
  });

  it.each([
    "FAR > 1%",
    "FAR < -1%",
    "FAR < 101%",
    "FAR < 1% at recall=0%",
    "FAR < 1% at recall=101%",
    "FAR < 1% at recall=1.0",
    "FAR < 1% at F1=1%",
    "FAR < 0x1%",
    "FAR < 1e999%",
    "FAR < nan%",
    "FAR == 1%",
    "FAR < 1% 2%",
    "< 1%",
  ])("%s is refused with examples", (text) => {
    expect(codeOf(() => parseMetricTarget(text))).toBe("metric.unparsable-target");
  });

  it("a metric of one's own is accepted with an evaluator that measures it", () => {
    expect(parseMetricTarget("Weighted escape cost <= 0.02 cost/board", command)).toEqual({
      name: "weighted_escape_cost",
      display_name: "Weighted escape cost",
      operator: "<=",
      target: 0.02,
      unit: "cost/board",
      evaluator: command,
      constraints: [],
    });
  });

  it("is shown back with everything that was filled in", () => {
    expect(describeContract(parseMetricTarget("FAR<1%"))).toBe("FAR < 1% at recall=100%");
  });
});

describe("verdict", () => {
  const contract = parseMetricTarget("FAR < 1% at recall=99%");
  const measured = (value: number, recall_pct?: number) => ({
    name: "far_pct",
    unit: "%",
    value,
    constraints: recall_pct === undefined ? {} : { recall_pct },
  });

  it.each([
    [measured(0.5, 99), true, []],
    [measured(1, 99), false, ["far_pct"]],
    [measured(0.5, 98.9), false, ["recall_pct"]],
    [measured(0.5), false, ["recall_pct:missing"]],
    [measured(Number.NaN, 100), false, ["far_pct"]],
  ])("%j", (result, passed, failures) => {
    expect(judge(contract, result)).toEqual({ passed, failures });
    expect(judged(contract, result).passed).toBe(passed);
  });

  it("prefers candidates that keep the constraints, then the lowest value, then the earlier", () => {
    const a = measured(0.1, 90);
    const b = measured(3, 99);
    const c = measured(3, 100);
    expect(selectBest(contract, [a, b, c])).toBe(b);
    expect(selectBest(contract, [a, measured(0.2, 10)])).toBe(a);
    expect(selectBest(contract, [])).toBeUndefined();
    const score = parseMetricTarget("quality_score >= 0.9", command);
    const low = { ...measured(0.5), name: "quality_score", unit: "" };
    const high = { ...low, value: 0.7 };
    expect(selectBest(score, [low, high])).toBe(high);
  });
});
