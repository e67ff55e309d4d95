import { describe, expect, it } from "@jest/globals";
import { breakdown, changeView } from "../../../server/report/breakdown.ts";
import type { KpiTable } from "../../../server/report/kpi-rows.ts";
import { kpiTables, type Part } from "../../support/kpi-table.ts";

const row = (object_name: string, label: string, score: number, boardname = "b1", part_type = "R"): Part => ({
  ...{ object_name, label, score, boardname, part_type },
});

const rows = [
  row("a", "PASS", 0.9),
  row("b", "PASS", 0.1),
  row("c", "PASS", 0.1, "b2"),
  row("d", "bridge", 0.2, "b2"),
  row("e", "bridge", 0.8, "b2"),
  row("f", "shift", 0.9),
];

describe("where a KPI set fails", () => {
  it("puts groups with escapes first, then those with false alarms, and leaves out columns that tell nothing", async () => {
    const [table] = await kpiTables(rows);
    const found = breakdown(table as KpiTable, 0.5);
    expect(found.map(({ title }) => title)).toEqual(["Board", "Label"]);
    expect(found[0]?.groups).toMatchObject([
      { name: "b2", pass: 1, false_alarms: 0, defects: 2, missed: 1 },
      { name: "b1", pass: 2, false_alarms: 1, defects: 1, missed: 0, far_interval: "1.26-98.74%" },
    ]);
    expect(found[1]).toMatchObject({
      of: 3,
      failing: 2,
      groups: [{ name: "bridge", missed: 1 }, { name: "PASS" }, {}],
    });
  });

  it.each([
    ["in one order", (parts: readonly Part[]) => parts],
    ["in another order", (parts: readonly Part[]) => parts.toReversed()],
  ])("tells fixed parts from newly failing ones, each scoring at its own threshold, rows %s", async (_, order) => {
    const scores = [0.3, 0.6, 0.1, 0.7, 0.35, 0.9];
    const later = rows.map((one, at) => ({ ...one, score: scores[at] ?? 0 }));
    expect(await changes(rows, order(later), 0.4)).toEqual({
      from: "baseline",
      to: "iter1",
      fixed_alarms: 1,
      new_alarms: 1,
      caught: 1,
      new_escapes: ["e"],
      escapes: 1,
    });
  });

  it("compares nothing when a label was changed in between, or a part is another", async () => {
    const relabelled = rows.map((one) => (one.object_name === "a" ? { ...one, label: "bridge" } : one));
    expect(await changes(rows, relabelled)).toBeUndefined();
    expect(await changes(rows, rows.slice(1))).toBeUndefined();
    expect(await changes(rows, [...rows.slice(1), row("new", "PASS", 0.9)])).toBeUndefined();
    expect(await changes([row("a", "x", 1), row("a", "y", 1)], [row("a", "y", 1), row("a", "x", 1)])).toBeDefined();
  });
});

async function changes(before: readonly Part[], after: readonly Part[], threshold = 0.5) {
  const [one, other] = (await kpiTables(before, after)) as [KpiTable, KpiTable];
  const scoring = { label: "baseline", table: one, threshold: 0.5 };
  return changeView(scoring, { label: "iter1", table: other, threshold });
}
