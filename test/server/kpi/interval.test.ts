import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { exactInterval, trialsToProve, upperBound } from "../../../server/kpi/interval.ts";

describe("the exact interval of a share", () => {
  // Reference values of scipy.stats.beta.ppf 1.x; test/interop asks the library itself.
  it.each([
    [0, 10, 0, 0.3084971078187607],
    [1, 10, 0.0025285785444617848, 0.4450161170281954],
    [10, 10, 0.6915028921812392, 1],
    [3, 1200, 0.0005158571322382291, 0.007288522609490111],
    [500, 1_000_000, 0.00045713814855847455, 0.0005457967656540888],
    [0, 1, 0, 0.975],
  ])("%d of %d lies between %d and %d at 95 %%", (hits, trials, low, high) => {
    const found = exactInterval(hits, trials, 0.95);
    expect(found.low).toBeCloseTo(low, 10);
    expect(found.high).toBeCloseTo(high, 10);
  });

  it("says nothing where nothing was tried", () => {
    expect(exactInterval(0, 0, 0.95)).toEqual({ low: 0, high: 1 });
  });

  it("holds the share that was seen, is wider for more confidence and mirrors its complement", () => {
    const counts = fc.integer({ min: 1, max: 5000 }).chain((trials) => fc.tuple(fc.nat(trials), fc.constant(trials)));
    fc.assert(
      fc.property(counts, ([hits, trials]) => {
        const [narrow, wide] = [exactInterval(hits, trials, 0.9), exactInterval(hits, trials, 0.99)];
        const other = exactInterval(trials - hits, trials, 0.9);
        expect(narrow.low).toBeLessThanOrEqual(hits / trials);
        expect(narrow.high).toBeGreaterThanOrEqual(hits / trials);
        expect(wide.low).toBeLessThanOrEqual(narrow.low);
        expect(wide.high).toBeGreaterThanOrEqual(narrow.high);
        expect(other.low).toBeCloseTo(1 - narrow.high, 9);
      }),
    );
  });
});

describe("what a target needs", () => {
  it("bounds from above what zero hits leave open", () => {
    expect(upperBound(0, 600, 0.95)).toBeCloseTo(0.004980443380361347, 10);
    expect(upperBound(5, 5, 0.95)).toBe(1);
  });

  it.each([
    [0.005, 598],
    [0.01, 299],
    [0.5, 5],
    [1, 1],
    [0, Number.POSITIVE_INFINITY],
  ])("a share below %d takes %d parts without a hit", (share, parts) => {
    expect(trialsToProve(share, 0.95)).toBe(parts);
  });
});
