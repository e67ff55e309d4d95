import { describe, expect, it } from "@jest/globals";
import { gpuHoursText } from "../../../server/preflight/gpu-hours.ts";
import type { Platform } from "../../../server/run/labels.ts";
import { aState } from "../../support/a-run.ts";

const minutes = { baseline_minutes: 30, iteration_minutes: 60 };
const estimate = { ...minutes, model: minutes, range: { baseline: [30, 30], iteration: [60, 60] }, basis: "" } as const;

describe("GPU hours in a plan", () => {
  it.each([
    ["docker", {}, 1, undefined],
    ["embedded", {}, 0, undefined],
    ["slurm", { time: "4:00:00" }, 0, "none; every job at most 4:00:00"],
    ["slurm", { time: "4:00:00" }, 1, "about 2.5, on 1 GPU for the estimated runtime; every job at most 4:00:00"],
    ["slurm", { gres: "gpu:h100:2" }, 1, "about 5, on 2 GPUs for the estimated runtime"],
    ["slurm", { gres: "gpu" }, 0, "about 2.5, on 1 GPU for the estimated runtime"],
    ["slurm", { gres: "license:3,gpu:4" }, 1, "about 10, on 4 GPUs for the estimated runtime"],
  ] as const)("of %s with %j and %d GPUs are %s", (platform: Platform, settings, gpus, expected) => {
    const { plan } = aState("/w/results/run_20261128_090000");
    const platform_settings = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [key, { value, source: "user" as const }]),
    );
    const source = "user" as const;
    const parameters = { max_iterations: { value: 2, source }, num_gpus: { value: gpus, source } };
    expect(gpuHoursText({ ...plan, platform, platform_settings, parameters }, estimate)).toBe(expected);
  });
});
