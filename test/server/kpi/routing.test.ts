import { describe, expect, it } from "@jest/globals";
import { labelsAbsentFromPool, routeGaps, routingSummary } from "../../../server/kpi/routing.ts";

const generatorLabels = ["PASS", "EXCESS_SOLDER", "MISSING", "BRIDGE"];

const gaps = ["PASS", "missing", "Shift", "tombstone", "shift"].map((label, at) => ({ label, filepath: `/i/${at}` }));

describe("routing", () => {
  it("sends a gap to every module that can serve its label, whatever the case, and keeps the row", () => {
    const routing = routeGaps(gaps, ["shift", "MISSING "], generatorLabels);
    expect(routing.mining.map((gap) => gap.filepath)).toEqual(["/i/1", "/i/2", "/i/4"]);
    expect(routing.anomalygen.map((gap) => gap.filepath)).toEqual(["/i/0", "/i/1"]);
    expect(routing.dropped).toEqual([{ label: "tombstone", filepath: "/i/3" }]);
    expect(routingSummary(routing, { mining: "/m.parquet", anomalygen: "/a.parquet" })).toBe(
      [
        "Weak-sample routing summary",
        "Total weak samples: 5",
        "Mining subset:      3 -> /m.parquet",
        "AnomalyGen subset:  2 -> /a.parquet",
        "",
        "Per-label breakdown (count, mining, anomalygen):",
        "  SHIFT: 2 (mining=yes, anomalygen=no)",
        "  PASS: 1 (mining=no, anomalygen=yes)",
        "  MISSING: 1 (mining=yes, anomalygen=yes)",
        "  TOMBSTONE: 1 (mining=no, anomalygen=no)",
        "",
      ].join("\n"),
    );
  });

  it("says when there is no pool", () => {
    const routing = routeGaps(gaps, [], []);
    expect(routing.dropped).toHaveLength(5);
    expect(routingSummary(routing, { mining: "m", anomalygen: "a", absentPool: "/p.csv" })).toContain(
      "\nNo source pool CSV at '/p.csv'; mining subset is empty.\n\n",
    );
  });

  it("names target labels of which the pool has no row", () => {
    expect(labelsAbsentFromPool(gaps, ["shift", "pass"])).toEqual(["MISSING", "TOMBSTONE"]);
  });
});
