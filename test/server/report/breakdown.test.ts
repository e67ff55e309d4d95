import { describe, expect, it } from "@jest/globals";
import { breakdown, changeView } from "../../../server/report/breakdown.ts";
import type { KpiRow } from "../../../server/report/kpi-rows.ts";

function row(object_name: string, label: string, score: number, boardname = "b1", part_type = "R"): KpiRow {
  const groups = { boardname, part_type };
  return { input_path: "i", golden_path: "g", object_name, label, score, defective: label !== "PASS", groups };
}

const rows = [
  row("a", "PASS", 0.9),
  row("b", "PASS", 0.1),
  row("c", "PASS", 0.1, "b2"),
  row("d", "bridge", 0.2, "b2"),
  row("e", "bridge", 0.8, "b2"),
  row("f", "shift", 0.9),
];

describe("where a KPI set fails", () => {
  it("puts groups with escapes first, then those with false alarms, and leaves out columns that tell nothing", () => {
    const found = breakdown(rows, 0.5);
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

  it("tells fixed parts from newly failing ones, each scoring at its own threshold", () => {
    const before = { label: "baseline", rows, threshold: 0.5 };
    const scores = [0.3, 0.6, 0.1, 0.7, 0.35, 0.9];
    const after = { label: "iter1", rows: rows.map((one, at) => ({ ...one, score: scores[at] ?? 0 })), threshold: 0.4 };
    expect(changeView(before, after)).toEqual({
      from: "baseline",
      to: "iter1",
      fixed_alarms: 1,
      new_alarms: 1,
      caught: 1,
      new_escapes: ["e"],
      escapes: 1,
    });
  });

  it("compares nothing when a label was changed in between", () => {
    const relabelled = rows.map((one) => (one.object_name === "a" ? { ...one, label: "bridge" } : one));
    const scoring = (label: string, all: readonly KpiRow[]) => ({ label, rows: all, threshold: 0.5 });
    expect(changeView(scoring("x", rows), scoring("y", relabelled))).toBeUndefined();
    expect(changeView(scoring("x", rows), scoring("y", rows.slice(1)))).toBeUndefined();
  });
});
