import { afterEach, describe, expect, it } from "@jest/globals";
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
