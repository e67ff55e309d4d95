import { describe, expect, it } from "@jest/globals";
import { confusionMatrixSvg, recallFarSvg, scoreDistributionSvg } from "../../../server/kpi/plots.ts";
import { bestAtRecall, bestByF1, sweepThresholds } from "../../../server/kpi/sweep.ts";

const cases: [string, number[], boolean[]][] = [
  ["one PASS part", [0.5], [false]],
  ["one defective part", [0.5], [true]],
  ["equal scores", [0.5, 0.5, 0.5], [true, false, true]],
  ["far apart scores", [-1e300, 1e300], [false, true]],
  ["5000 parts", Array.from({ length: 5000 }, (_, at) => at), Array.from({ length: 5000 }, (_, at) => at % 3 === 0)],
];

describe("plots", () => {
  it.each(cases)("of %s hold finite coordinates only", (_, scores, defective) => {
    const parts = { scores, defective };
    const sweep = sweepThresholds(parts);
    const chosen = bestAtRecall(sweep, 1);
    const best = bestByF1(sweep);
    const drawn = [scoreDistributionSvg(parts, chosen?.threshold, "Scores"), recallFarSvg(sweep, chosen, "FAR")];
    if (best !== undefined) drawn.push(confusionMatrixSvg(best, "Counts"));
    for (const svg of drawn) {
      expect(svg).toMatch(/^<svg xmlns="[^"]+" viewBox="0 0 640 400".*<\/svg>\n$/s);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      expect(svg.length).toBeLessThan(40_000);
    }
  });

  it("write titles as text, never as markup", () => {
    expect(scoreDistributionSvg({ scores: [1], defective: [true] }, 1, "<a & b>")).toContain("&lt;a &amp; b&gt;");
  });
});
