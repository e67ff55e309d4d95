import { describe, expect, it } from "@jest/globals";
import { parseMetricTarget } from "../../../server/kpi/metric-contract.ts";
import * as format from "../../../server/report/format.ts";
import type { IterationView } from "../../../server/report/model.ts";
import { bestIteration, outcomeOf } from "../../../server/report/outcome.ts";

const contract = parseMetricTarget("FAR < 0.5% at recall=99%");

function measured(label: string, far_pct: number, recall_pct: number): IterationView {
  const metric = { name: "far_pct", value: far_pct, unit: "%", constraints: { recall_pct }, passed: true };
  return {
    label,
    status: "complete",
    metric,
    far_pct,
    adopted: [],
    settings: {},
    ledger: {},
    warnings: [],
    skipped: [],
  };
}

describe("the outcome", () => {
  it.each([
    [0.4999, 99, "met", "MET"],
    [0.5, 99, "gap", "0.00 pp from target"],
    [0.5004, 99, "gap", "0.00040 pp from target"],
    [3.11, 99, "gap", "2.61 pp from target"],
    [0.4, 98, "gap", "limit open"],
  ])("of FAR %d %% at recall %d %% is %s: %s", (far, recall, kind, label) => {
    expect(outcomeOf(contract, measured("iter1", far, recall))).toMatchObject({ kind, label });
  });

  it("names a recall that stays behind in percentage points as well", () => {
    const { sentence } = outcomeOf(contract, measured("iter1", 3.11, 98));
    expect(sentence).toBe(
      "FAR 3.11% (iter1); target FAR < 0.5% at recall=99%; 2.61 pp from target; recall_pct 98.00% is 1.00 pp from its limit >= 99.00%.",
    );
  });

  it("is open while nothing is measured", () => {
    expect(outcomeOf(contract, undefined).kind).toBe("unmeasured");
    expect(outcomeOf(undefined, measured("iter1", 1, 99)).kind).toBe("unmeasured");
  });

  it("takes the lowest FAR among those that keep the recall", () => {
    const all = [measured("baseline", 9, 99), measured("iter1", 2, 90), measured("iter2", 4, 99.5)];
    expect(bestIteration(contract, all)?.label).toBe("iter2");
    expect(bestIteration(undefined, all)?.label).toBe("iter1");
    expect(bestIteration(contract, [])).toBeUndefined();
  });
});

describe("figures as text", () => {
  it.each([
    [0, "0.00%"],
    [52, "52.00%"],
    [0.1, "0.10%"],
    [0.0312, "0.031%"],
    [0.0004, "0.00040%"],
    [Number.NaN, "–"],
  ])("a percentage of %d reads %s", (value, text) => {
    expect(format.pct(value)).toBe(text);
  });

  it.each([
    [0, "0 s"],
    [59.6, "1 m 00 s"],
    [125, "2 m 05 s"],
    [3840, "1 h 04 m"],
    [-1, "–"],
  ])("%d seconds read %s", (seconds, text) => {
    expect(format.duration(seconds)).toBe(text);
  });
});
