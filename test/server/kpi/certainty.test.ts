import { describe, expect, it } from "@jest/globals";
import { certaintyText, escapeBoundPct, farInterval, intervalText, rowsNeeded } from "../../../server/kpi/certainty.ts";
import { measureFar } from "../../../server/kpi/far-at-recall.ts";
import { judge, judged, parseMetricTarget } from "../../../server/kpi/metric-contract.ts";
import { sweepThresholds } from "../../../server/kpi/sweep.ts";

const target = parseMetricTarget("FAR < 0.5% at recall=100%");
const bound = { ...target, confidence_pct: 95 };

/** What is measured of so many PASS parts, the last ones above the only defects. */
function measured(pass: number, alarms: number, defects = 1) {
  const scores = [...Array.from({ length: pass }, (_, at) => (at < alarms ? 0.9 : 0.1)), ...Array(defects).fill(0.8)];
  const defective = scores.map((_, at) => at >= pass);
  return measureFar(sweepThresholds({ scores, defective }), 100);
}

describe("how sure a figure is", () => {
  it("does not take one PASS and one defect for a proof of FAR below 0.5 %", () => {
    const lucky = measured(1, 0);
    expect(lucky.value).toBe(0);
    expect(judge(target, lucky).passed).toBe(true);
    expect(judge(bound, lucky)).toEqual({ passed: false, failures: ["far_pct"] });
    expect(certaintyText(target, lucky.counts)).toContain("FAR is at most 95.00%, so only the point could meet");
    expect(certaintyText(target, lucky.counts)).toContain("0 missed of 1 defects: up to 95.00% may escape");
  });

  it.each([
    [597, 90, true],
    [597, 95, false],
    [598, 95, true],
    [919, 99, true],
    [918, 99, false],
  ])("%d PASS parts without a false alarm against the %d %% bound: %s", (pass, confidence_pct, passed) => {
    const contract = { ...target, confidence_pct };
    expect(judge(contract, measured(pass, 0)).passed).toBe(passed);
    expect(rowsNeeded(contract, 99).pass_rows <= pass).toBe(passed);
  });

  it("keeps the counts beside the verdict, and calls none met that was not counted", () => {
    expect(judged(bound, measured(598, 0))).toMatchObject({ passed: true, counts: { tp: 1, fp: 0, tn: 598, fn: 0 } });
    const { counts: _none, ...uncounted } = measured(598, 0);
    expect(judge(bound, uncounted).failures).toEqual(["far_pct"]);
  });

  it("bounds the escapes that no miss in N leaves open, and counts the rows a target needs", () => {
    expect(escapeBoundPct({ tp: 299, fn: 0, fp: 0, tn: 1 })).toBeLessThan(1);
    expect(rowsNeeded(target, 99)).toEqual({ confidence_pct: 95, pass_rows: 598, defective_rows: 299 });
    expect(rowsNeeded(target, 100).defective_rows).toBe(Number.POSITIVE_INFINITY);
    expect(intervalText(farInterval({ fp: 3, tn: 1197, tp: 1, fn: 0 }))).toBe("0.05-0.73%");
  });
});
