import { describe, expect, it } from "@jest/globals";
import { parse } from "../../../server/cli/parse.ts";
import { optionOf, planOptions, planRequestOf } from "../../../server/cli/plan-options.ts";
import { planRequestSchema } from "../../../server/preflight/request.ts";
import { refusalOf } from "../../support/refusal.ts";

const requestFor = (...argv: string[]) => planRequestOf(parse("run", argv, "/").options);

describe("the arguments of a plan on a command line", () => {
  it("leave out what was not given, but the platform", () => {
    expect(requestFor()).toEqual({ platform: "embedded" });
  });

  it("are named as the plan names them, some shorter", () => {
    expect(
      requestFor("--num-sdg", "0", "--kpi", "FAR < 1% at recall=99%", "--gpus", "2", "--set", "partition=gpu"),
    ).toEqual({
      platform: "embedded",
      num_sdg: 0,
      kpi_target: "FAR < 1% at recall=99%",
      num_gpus: 2,
      platform_settings: { partition: "gpu" },
    });
    expect(requestFor("--synthetic-only", "--network-mode", "airgap")).toMatchObject({
      synthetic_only: true,
      network_mode: "airgap",
    });
  });

  it("are all there, and each is the option that a missing one is asked by", () => {
    const fields = Object.keys(planRequestSchema.shape).filter(
      (name) => !["workspace", "run", "resume"].includes(name),
    );
    expect(fields.map(optionOf).sort()).toEqual(
      Object.keys(planOptions)
        .map((name) => `--${name}`)
        .sort(),
    );
  });

  it("that a plan does not take are refused by the option's name", async () => {
    const { code, message } = await refusalOf(async () =>
      requestFor("--max-iterations", "0", "--kpi-confidence", "80%"),
    );
    expect(code).toBe("input.invalid");
    expect(message).toContain("--max-iterations: ");
    expect(message).toContain("--kpi-confidence: ");
  });
});
