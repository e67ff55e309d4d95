import { describe, expect, it } from "@jest/globals";
import {
  estimateRuntime,
  iterationsWithin,
  minutesText,
  rangeText,
  totalMinutes,
  totalRange,
} from "../../../server/preflight/estimate.ts";

const published = {
  training_rows: 200,
  validation_rows: 150,
  kpi_rows: 1200,
  pool_rows: 3000,
  num_epochs: 10,
  num_sdg: 20,
};

describe("the runtime estimate", () => {
  it("gives the published 33 minutes an iteration in containers, and 6.5 hours or less for ten", () => {
    const estimate = estimateRuntime("tao", published);
    expect(estimate.iteration_minutes).toBe(33);
    expect(totalMinutes(estimate, 10)).toBe(345);
  });

  it("grows with rows times epochs in containers", () => {
    const estimate = estimateRuntime("tao", { ...published, num_epochs: 20 });
    expect(estimate.iteration_minutes).toBe(44);
  });

  it("stays below a minute for a demonstration on the embedded engine", () => {
    expect(totalMinutes(estimateRuntime("engine", published), 2)).toBeLessThan(1);
  });

  // Minutes that loops took on two busy cores, with what the plan knew of them.
  it.each([
    ["650 drawn pairs", { training_rows: 160, validation_rows: 90, kpi_rows: 400, pool_rows: 780 }, 9 / 60, 12 / 60],
    [
      "the same, beside other work",
      { training_rows: 160, validation_rows: 90, kpi_rows: 400, pool_rows: 780 },
      0.33,
      0.3,
    ],
    [
      "685 imported pairs",
      { training_rows: 342, validation_rows: 129, kpi_rows: 214, pool_rows: 172 },
      9 / 60,
      14 / 60,
    ],
  ])(
    "holds what loops of the embedded engine took on a host that was never measured: %s",
    (_, rows, baseline, iteration) => {
      const { range } = estimateRuntime("engine", { ...published, ...rows });
      for (const [[least, most], took] of [
        [range.baseline, baseline],
        [range.iteration, iteration],
      ] as const) {
        expect(took).toBeGreaterThan(least);
        expect(took).toBeLessThan(most);
      }
    },
  );

  it.each([
    [120, 3],
    [10, 1],
    [100_000, 99],
  ])("%d minutes leave room for %d iterations in containers", (limit, iterations) => {
    expect(iterationsWithin(limit, estimateRuntime("tao", published))).toBe(iterations);
  });

  it.each([
    [0.001, "1 s"],
    [0.5, "30 s"],
    [33, "33 min"],
    [119.94, "119.9 min"],
    [390, "6.5 h"],
  ])("%d minutes read as %s", (minutes, text) => {
    expect(minutesText(minutes)).toBe(text);
  });

  it("is wide where nothing was measured, and from the fastest to the slowest pass where something was", () => {
    const blind = estimateRuntime("engine", published);
    expect(blind.range.iteration[1] / blind.range.iteration[0]).toBeGreaterThan(5);
    expect(blind.basis).toContain("nothing was measured on this host yet");
    const pace = { baseline: [2], iteration: [4, 3, 5] };
    const known = estimateRuntime("engine", published, pace);
    const { model } = known;
    expect(known.iteration_minutes).toBe(model.iteration_minutes * 4);
    expect(known.range.iteration.map((minutes) => minutes / model.iteration_minutes)).toEqual([
      expect.closeTo(2.25),
      expect.closeTo(6.67),
    ]);
    expect(known.range.baseline[1] / model.baseline_minutes).toBeCloseTo(4);
    expect(known.basis).toBe("measured in 4 passes on this host");
    expect(rangeText(totalRange(known, 0))).toBe(rangeText(known.range.baseline));
  });
});
