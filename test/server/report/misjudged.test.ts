import { describe, expect, it } from "@jest/globals";
import type { KpiTable } from "../../../server/report/kpi-rows.ts";
import { changesBetween, misjudged, partsOf } from "../../../server/report/misjudged.ts";
import { kpiTables, type Part } from "../../support/kpi-table.ts";

const row = (object_name: string, label: string, score: number): Part => ({ object_name, label, score });

const names = (table: KpiTable, rows: readonly number[]) => rows.map((at) => table.at(at).object_name);

describe("misjudged parts", () => {
  it("are missed defects, then false alarms, the furthest off first; a score at the threshold flags nothing", async () => {
    const rows = [
      row("good", "PASS", 0.2),
      row("at", "PASS", 0.5),
      row("loud", "PASS", 0.6),
      row("louder", "PASS", 0.9),
      row("faint", "open", 0.5),
      row("fainter", "open", 0.1),
      row("plain", "open", 0.7),
    ];
    const [table] = (await kpiTables(rows)) as [KpiTable];
    expect(names(table, misjudged({ label: "iter1", table, threshold: 0.5 }))).toEqual([
      "fainter",
      "faint",
      "louder",
      "loud",
    ]);
  });

  it("are fixed, newly wrong or still wrong against another iteration, each row with its own threshold", async () => {
    const [before, after] = (await kpiTables(
      [
        row("a", "PASS", 0.9),
        row("b", "PASS", 0.9),
        row("c", "open", 0.9),
        row("d", "PASS", 0.1),
        row("gone", "open", 0),
      ],
      [
        row("d", "PASS", 0.2),
        row("c", "open", 0.3),
        row("b", "PASS", 0.4),
        row("a", "PASS", 0.3),
        row("new", "open", 0),
      ],
    )) as [KpiTable, KpiTable];
    const { fixed, broken, still } = changesBetween(
      { label: "baseline", threshold: 0.5, table: before },
      { label: "iter1", threshold: 0.3, table: after },
    );
    expect([fixed, broken, still].map((rows) => names(after, rows))).toEqual([["a"], ["c"], ["b"]]);
  });

  it("of one image that stands in several rows are told apart by their order", async () => {
    const [a, again, b] = [row("a", "PASS", 0), row("a", "PASS", 1), row("b", "PASS", 0)];
    const { count, of } = partsOf(await kpiTables([a, again, b], [b, a, again]));
    expect([count, ...of.map((parts) => [...parts])]).toEqual([3, [0, 1, 2], [2, 0, 1]]);
  });
});
