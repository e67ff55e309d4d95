import { describe, expect, it } from "@jest/globals";
import type { KpiRow } from "../../../server/report/kpi-rows.ts";
import { changesBetween, misjudged, partKeys } from "../../../server/report/misjudged.ts";

const row = (object_name: string, label: string, score: number): KpiRow => ({
  input_path: "kpi/",
  golden_path: "golden/",
  object_name,
  label,
  score,
  defective: label !== "PASS",
  groups: {},
});

const names = (rows: readonly KpiRow[]) => rows.map(({ object_name }) => object_name);

describe("misjudged parts", () => {
  it("are missed defects, then false alarms, the furthest off first; a score at the threshold flags nothing", () => {
    const rows = [
      row("good", "PASS", 0.2),
      row("at", "PASS", 0.5),
      row("loud", "PASS", 0.6),
      row("louder", "PASS", 0.9),
      row("faint", "open", 0.5),
      row("fainter", "open", 0.1),
      row("plain", "open", 0.7),
    ];
    expect(names(misjudged({ label: "iter1", rows, threshold: 0.5 }))).toEqual(["fainter", "faint", "louder", "loud"]);
  });

  it("are fixed, newly wrong or still wrong against another iteration, each row with its own threshold", () => {
    const before = {
      label: "baseline",
      threshold: 0.5,
      rows: [
        row("a", "PASS", 0.9),
        row("b", "PASS", 0.9),
        row("c", "open", 0.9),
        row("d", "PASS", 0.1),
        row("gone", "open", 0),
      ],
    };
    const after = {
      label: "iter1",
      threshold: 0.3,
      rows: [
        row("d", "PASS", 0.2),
        row("c", "open", 0.3),
        row("b", "PASS", 0.4),
        row("a", "PASS", 0.3),
        row("new", "open", 0),
      ],
    };
    const { fixed, broken, still } = changesBetween(before, after);
    expect([names(fixed), names(broken), names(still)]).toEqual([["a"], ["c"], ["b"]]);
  });

  it("of one image that stands in several rows are told apart by their order", () => {
    expect(new Set(partKeys([row("a", "PASS", 0), row("a", "PASS", 1), row("b", "PASS", 0)])).size).toBe(3);
  });
});
