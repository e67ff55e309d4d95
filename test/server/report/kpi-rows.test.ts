import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { smallest } from "../../../server/report/kpi-rows.ts";
import { kpiTables } from "../../support/kpi-table.ts";

afterEach(() => {
  delete process.env.DEFT_TABLE_ROWS;
});

describe("a scored set as the report reads it", () => {
  it("may have more rows than a step holds in memory", async () => {
    process.env.DEFT_TABLE_ROWS = "2";
    const parts = ["a", "b", "a"].map((object_name, at) => ({ object_name, label: "PASS", score: at / 4 }));
    const [table] = await kpiTables(parts);
    expect(parts.map((_, at) => table?.at(at))).toMatchObject(parts.map((part) => ({ ...part, defective: false })));
  });
});

it("the smallest values come in their order, equal ones by row, and infinite ones never", () => {
  const values = fc.array(fc.constantFrom(0, 0.5, 1, 2, Number.POSITIVE_INFINITY));
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 8 }), (drawn, most) => {
      const finite = [...drawn.keys()].filter((at) => Number.isFinite(drawn[at]));
      const sorted = finite.sort((a, b) => (drawn[a] as number) - (drawn[b] as number) || a - b);
      expect(smallest(Float64Array.from(drawn), most)).toEqual(sorted.slice(0, most));
    }),
  );
});
