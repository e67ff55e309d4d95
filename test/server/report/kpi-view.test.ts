import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { evaluateThreshold } from "../../../server/kpi/sweep.ts";
import type { KpiTable } from "../../../server/report/kpi-rows.ts";
import { kpiView } from "../../../server/report/kpi-view.ts";
import { kpiTables, type Part } from "../../support/kpi-table.ts";

const row = (label: string, score: number): Part => ({ object_name: "C1", label, score });

async function viewOf(label: string, parts: readonly Part[], recorded: number | undefined) {
  const [table] = await kpiTables(parts);
  return kpiView(label, table as KpiTable, recorded);
}

/** Hand-worked: threshold 0.3 flags both defects of `missing`, the `shift` and two of five PASS parts. */
const worked = [
  ...[0.05, 0.1, 0.3, 0.42, 0.6].map((score) => row("PASS", score)),
  row("missing", 0.4),
  row("missing", 0.9),
  row("shift", 0.55),
];

const partsOf = (rows: readonly Part[]) => ({
  scores: rows.map(({ score }) => score),
  defective: rows.map(({ label }) => label !== "PASS"),
});

describe("what the page shows of a scored KPI set", () => {
  it("agrees with the hand-worked table", async () => {
    expect(await viewOf("baseline", worked, 0.3)).toMatchObject({
      rows: 8,
      pass_rows: 5,
      defective_rows: 3,
      point: { tp: 3, fp: 2, tn: 3, fn: 0, far: 0.4, precision: 0.6, f1: 0.7499999999999999 },
      defects: [
        { label: "missing", count: 2, detected: 2, weakest_score: 0.4 },
        { label: "shift", count: 1, detected: 1, weakest_score: 0.55 },
      ],
      counts: {
        thresholds: [0.049999999999999996, 0.05, 0.1, 0.3, 0.4, 0.42, 0.55, 0.6, 0.9],
        pass: [0, 1, 1, 1, 0, 1, 0, 1, 0],
        defective: [0, 0, 0, 0, 1, 0, 1, 0, 1],
      },
    });
  });

  it("puts the most missed type first, whatever its spelling", async () => {
    const rows = [row("Shift", 0.1), row("shift ", 0.2), row("bridge", 0.1), row("PASS", 0.5)];
    expect((await viewOf("iter1", rows, 0.15))?.defects).toEqual([
      { label: "shift", count: 2, detected: 1, weakest_score: 0.1 },
      { label: "bridge", count: 1, detected: 0, weakest_score: 0.1 },
    ]);
  });

  it("has a view of a single part and of one class, and none of no part", async () => {
    expect(await viewOf("baseline", [], 0.3)).toBeUndefined();
    const single = await viewOf("baseline", [row("PASS", 0.5)], undefined);
    expect(single).toMatchObject({ rows: 1, defective_rows: 0, curve: [], recalls: [] });
    expect(single?.histogram.pass.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  it("lets a reader redo every threshold exactly, and counts each part once", async () => {
    const parts = fc.array(fc.tuple(fc.boolean(), fc.constantFrom(0, 0.1, 0.1000001, 0.3, 0.5, 0.7, 1)), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(parts, async (drawn) => {
        const rows = drawn.map(([defective, score]) => row(defective ? "bridge" : "PASS", score));
        const view = await viewOf("iter1", rows, 0.3);
        if (view === undefined) throw new Error("a view is missing");
        let [tp, fp] = [view.defective_rows, view.pass_rows];
        for (const [at, threshold] of view.counts.thresholds.entries()) {
          tp -= view.counts.defective[at] ?? 0;
          fp -= view.counts.pass[at] ?? 0;
          expect({ tp, fp }).toMatchObject({ tp: evaluateThreshold(partsOf(rows), threshold).tp, fp });
          expect(fp).toBe(evaluateThreshold(partsOf(rows), threshold).fp);
        }
        const binned = [...view.histogram.pass, ...view.histogram.defective];
        expect(binned.reduce((sum, count) => sum + count, 0)).toBe(rows.length);
      }),
    );
  });

  it("stays exact where many thresholds are merged to keep the page small", async () => {
    const rows = Array.from({ length: 30_000 }, (_, at) => row(at % 50 === 0 ? "bridge" : "PASS", at / 30_000));
    const view = await viewOf("iter1", rows, 0.5);
    expect(view?.counts.thresholds.length).toBeLessThanOrEqual(12_001);
    let fp = view?.pass_rows ?? 0;
    for (const [at, threshold] of (view?.counts.thresholds ?? []).entries()) {
      fp -= view?.counts.pass[at] ?? 0;
      if (at % 500 === 0) expect(fp).toBe(evaluateThreshold(partsOf(rows), threshold).fp);
    }
    expect(fp).toBe(0);
  });
});
