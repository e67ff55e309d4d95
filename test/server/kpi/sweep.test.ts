import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { scanTable } from "../../../server/data/csv.ts";
import { nextBelow, parseScore } from "../../../server/kpi/score.ts";
import {
  bestAtRecall,
  bestByF1,
  bestOfParts,
  evaluateThreshold,
  type OperatingPoint,
  pointAt,
  sweepThresholds,
} from "../../../server/kpi/sweep.ts";
import { isPass } from "../../../server/run/pass-labels.ts";
import { share } from "../../support/soak.ts";

const vectors = new URL("../../fixtures/vectors/kpi/", import.meta.url);
type Expected = {
  file: string;
  recall_100: Record<string, number | "nan"> | null;
  best_f1: Record<string, number | "nan">;
  gap_analysis_threshold: number | null;
};
const expected: Expected[] = JSON.parse(readFileSync(new URL("expected.json", vectors), "utf8"));

async function partsOf(file: string) {
  const scores: number[] = [];
  const defective: boolean[] = [];
  await scanTable(new URL(file, vectors).pathname, (header) => (cells) => {
    const score = parseScore(cells[header.indexOf("siamese_score")] ?? "");
    if (score === undefined) throw new Error("the vectors hold finite scores only");
    scores.push(score);
    defective.push(!isPass(cells[header.indexOf("label")] ?? ""));
  });
  return { scores, defective };
}

function asVendor(point: OperatingPoint | undefined) {
  if (point === undefined) return null;
  const figures = {
    ...point,
    predicted_no_pass_count: point.tp + point.fp,
    actual_no_pass_count: point.tp + point.fn,
    actual_pass_count: point.fp + point.tn,
  };
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number.isNaN(value) ? "nan" : value]));
}

describe("threshold sweep", () => {
  it.each(expected)("$file gives the published operating points", async ({ file, recall_100, best_f1 }) => {
    const sweep = sweepThresholds(await partsOf(file));
    expect(asVendor(bestAtRecall(sweep, 1))).toEqual(recall_100);
    expect(asVendor(bestByF1(sweep))).toEqual(best_f1);
  });

  it("takes the last threshold before the weakest defect, and counts PASS parts that tie with it as false alarms", () => {
    const scores = [0.05, 0.1, 0.3, 0.42, 0.6, 0.4, 0.9, 0.55];
    const defective = [false, false, false, false, false, true, true, true];
    const sweep = sweepThresholds({ scores, defective });
    expect(sweep.thresholds[0]).toBe(0.049999999999999996);
    expect(bestAtRecall(sweep, 1)).toEqual({
      threshold: 0.3,
      tp: 3,
      fp: 2,
      tn: 3,
      fn: 0,
      precision: 0.6,
      recall: 1,
      f1: 0.7499999999999999,
      accuracy: 0.75,
      far: 0.4,
    });
  });

  it("has no operating point without a defective part, and an undefined FAR without a PASS part", () => {
    expect(bestAtRecall(sweepThresholds({ scores: [1], defective: [false] }), 1)).toBeUndefined();
    expect(bestAtRecall(sweepThresholds({ scores: [1], defective: [true] }), 1)?.far).toBeNaN();
    expect(sweepThresholds({ scores: [], defective: [] }).thresholds).toHaveLength(0);
    expect(bestByF1(sweepThresholds({ scores: [], defective: [] }))).toBeUndefined();
  });

  it("agrees with counting every part at every threshold, ties and any recall target included", () => {
    const part = fc.record({ score: fc.integer({ min: -3, max: 6 }).map((n) => n / 4), defective: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 14 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rows, floor) => {
          const parts = { scores: rows.map((row) => row.score), defective: rows.map((row) => row.defective) };
          const sweep = sweepThresholds(parts);
          const points = bruteForce(parts);
          expect([...sweep.thresholds].map((_, at) => pointAt(sweep, at))).toEqual(points);
          const best = bruteBest(points, floor);
          expect([bestAtRecall(sweep, floor), bestOfParts(parts, floor)]).toEqual([best, best]);
        },
      ),
      { numRuns: share(10_000) },
    );
  });

  it("keeps the last digit of neighbouring doubles apart", () => {
    const low = 0.1 + 0.2;
    const sweep = sweepThresholds({ scores: [0.3, low], defective: [false, true] });
    expect(bestAtRecall(sweep, 1)).toMatchObject({ threshold: 0.3, far: 0 });
  });
});

function bruteForce(parts: { scores: number[]; defective: boolean[] }): OperatingPoint[] {
  const unique = [...new Set(parts.scores)].sort((a, b) => a - b);
  return [nextBelow(unique[0] ?? 0), ...unique].map((threshold) => evaluateThreshold(parts, threshold));
}

function bruteBest(points: readonly OperatingPoint[], floor: number): OperatingPoint | undefined {
  const rank = (value: number) => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value);
  return points
    .filter((point) => point.recall >= floor - 1e-12)
    .sort(
      (a, b) =>
        sign(rank(a.f1), rank(b.f1)) || sign(rank(a.precision), rank(b.precision)) || sign(a.threshold, b.threshold),
    )
    .at(-1);
}

function sign(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

describe("scores", () => {
  it.each([
    ["1e-3", 0.001],
    ["-0", -0],
    [" +6.3040e-05 ", 0.00006304],
    ["4.", 4],
    [".5", 0.5],
    ["0.20557016134262085", 0.20557016134262085],
  ])("%s is the exact double", (text, value) => expect(parseScore(text)).toBe(value));

  it.each(["", " ", "nan", "NaN", "inf", "-Infinity", "1e999", "0x1p-2", "0x10", "1,5", "1_0", "0.5f", "--1", "１"])(
    "%j is no score",
    (text) => expect(parseScore(text)).toBeUndefined(),
  );

  it("the next double below is strictly below with nothing between", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), (value) => {
        const below = nextBelow(value);
        expect(below).toBeLessThan(value);
        expect([below, value]).toContain((below + value) / 2 || below);
      }),
    );
    expect(nextBelow(0.5)).toBe(0.49999999999999994);
    expect(nextBelow(-1)).toBe(-1.0000000000000002);
    expect(nextBelow(0)).toBe(-5e-324);
  });
});
