import { escapeBoundPct, farBoundPct, rowsNeeded } from "../../kpi/certainty.ts";
import { describeContract, recallTargetPct } from "../../kpi/metric-contract.ts";
import { halt, notNeeded, ok } from "../findings.ts";
import { passRows } from "../label-counts.ts";
import type { Findings, Step } from "../survey.ts";

/** Recall of 100 % can be shown by no number of rows; the rows are then counted for this one, in percent. */
const nearlyAllPct = 99;

/**
 * Whether the KPI set is large enough to show the target at all: a set of one PASS row meets `FAR < 0.5%` by luck in
 * every second try of a poor model.
 */
export const kpiSizeStep: Step = {
  id: "kpi_size",
  title: "Size of the KPI set",
  async look({ contract, csvs: { kpi_csv } }): Promise<Findings> {
    if (contract === undefined || kpi_csv === undefined) return {};
    if (contract.name !== "far_pct") return notNeeded("the metric is no share of counted parts");
    const pass_rows = passRows(kpi_csv.labels);
    const defective_rows = kpi_csv.rows - pass_rows;
    const recall_pct = Math.min(recallTargetPct(contract), nearlyAllPct);
    const needed = rowsNeeded(contract, recall_pct);
    // The best that such a set can show: no false alarm and no miss.
    const counts = { tp: defective_rows, fp: 0, tn: pass_rows, fn: 0 };
    const far_bound_pct = farBoundPct(counts, needed.confidence_pct);
    const escape_bound_pct = escapeBoundPct(counts, needed.confidence_pct);
    const sure = `at ${needed.confidence_pct}% confidence`;
    const pass = `${describeContract(contract)} needs ${rowText(needed.pass_rows, "PASS")} without a false alarm to be shown ${sure}; the set has ${pass_rows}, which show FAR <= ${far_bound_pct.toFixed(2)}% at best`;
    const defects = `a recall of ${recall_pct}% needs ${rowText(needed.defective_rows, "defective")} without a miss; the set has ${defective_rows}, of which none missed still leaves ${escape_bound_pct.toFixed(2)}% that may escape`;
    const facts = { pass_rows, defective_rows, needed, far_bound_pct, escape_bound_pct };
    const short = { pass: pass_rows < needed.pass_rows, defects: defective_rows < needed.defective_rows };
    if (short.pass && contract.confidence_pct !== undefined) {
      const more = Number.isFinite(needed.pass_rows)
        ? `Add ${needed.pass_rows - pass_rows} PASS rows or more, or ask`
        : "Ask";
      const fix = `${more} for a target or kpi_confidence that the KPI set can show, then call preflight again.`;
      return { checks: [{ ...halt("metric.unreachable", pass, fix), facts }] };
    }
    const open = [...(short.pass ? [pass] : []), ...(short.defects ? [defects] : [])];
    const warnings = open.length === 0 ? [] : [`The KPI set is small for its target: ${open.join("; ")}.`];
    return ok(`${pass_rows} PASS and ${defective_rows} defective rows; ${pass}; ${defects}`, { warnings });
  },
};

function rowText(count: number, kind: string): string {
  return Number.isFinite(count) ? `${count} ${kind} rows` : `more ${kind} rows than there can be`;
}
