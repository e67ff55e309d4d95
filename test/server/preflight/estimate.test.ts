import { describe, expect, it } from "@jest/globals";
import { estimateRuntime, iterationsWithin, minutesText, totalMinutes } from "../../../server/preflight/estimate.ts";

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
});
