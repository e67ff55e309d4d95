import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseMetricTarget } from "../../../server/kpi/metric-contract.ts";
import { type PlanContent, planId } from "../../../server/preflight/plan-id.ts";

const parameter = fc.record({
  value: fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.constant(null)),
  source: fc.constantFrom("user", "spec", "default"),
});
const content: fc.Arbitrary<PlanContent> = fc.record({
  platform: fc.constantFrom("embedded", "docker"),
  workspace: fc.string(),
  parameters: fc.dictionary(fc.string({ minLength: 1 }), parameter, { minKeys: 1 }),
  inputs: fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.string())),
  metric_contract: fc.constant(parseMetricTarget("FAR < 1% at recall=99%")),
}) as fc.Arbitrary<PlanContent>;

describe("the plan id", () => {
  it("is twelve hex digits and does not depend on the order of members or on sources", () => {
    fc.assert(
      fc.property(content, (plan) => {
        const reversed = Object.entries(plan.parameters)
          .reverse()
          .map(([name, { value }]) => [name, { value, source: "user" }]);
        const shuffled = { ...plan, parameters: Object.fromEntries(reversed) };
        expect(planId(plan)).toMatch(/^[0-9a-f]{12}$/);
        expect(planId(shuffled)).toBe(planId(plan));
      }),
    );
  });

  it("changes with every value", () => {
    fc.assert(
      fc.property(content, fc.nat(), (plan, pick) => {
        const names = Object.keys(plan.parameters).filter((name) => name !== "kpi_target");
        fc.pre(names.length > 0);
        const name = names[pick % names.length] ?? "";
        const changed = { ...plan.parameters, [name]: { value: { other: pick }, source: "user" as const } };
        expect(planId({ ...plan, parameters: changed })).not.toBe(planId(plan));
        expect(planId({ ...plan, revises: "run_1" })).not.toBe(planId(plan));
        expect(planId({ ...plan, adopts: { kind: "x" } })).not.toBe(planId(plan));
      }),
    );
  });

  it.each([
    ["far < 1.0 % at recall = 99%", true],
    ["FAR <= 1% at recall=99%", false],
    ["FAR < 1% at recall=98%", false],
  ])("sees what `%s` means, not how it is written", (text, same) => {
    const plan: PlanContent = {
      platform: "embedded",
      workspace: "/ws",
      parameters: { kpi_target: { value: "FAR < 1% at recall=99%", source: "user" } },
      inputs: {},
      metric_contract: parseMetricTarget("FAR < 1% at recall=99%"),
    };
    const other = { ...plan, parameters: { kpi_target: { value: text, source: "user" as const } } };
    expect(planId({ ...other, metric_contract: parseMetricTarget(text) }) === planId(plan)).toBe(same);
  });
});
