import { rulerOf } from "../../data/ruler.ts";
import { layoutOf } from "../../data/spec.ts";
import { custodyOf, custodyText } from "../../journal/rulers.ts";
import { ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/**
 * Whether the KPI set still is what earlier runs of this workspace were measured on, and how often it was used: a set
 * that decides many times is learned by heart.
 */
export const rulerStep: Step = {
  id: "ruler",
  title: "Custody of the KPI set",
  async look({ spec, images_dir, workspace, deps, signal, csvs: { kpi_csv } }): Promise<Findings> {
    if (spec === undefined || images_dir === undefined || kpi_csv === undefined) return {};
    const ruler = await rulerOf(kpi_csv.table, layoutOf(spec.content, images_dir), signal);
    const custody = await custodyOf(workspace, ruler, deps.env);
    const changed = custodyText(custody);
    const used = `scored ${custody.scorings} times by ${custody.runs} earlier runs of this workspace`;
    const same =
      custody.scorings === 0 ? "" : changed === undefined ? ", unchanged since the last one" : ", changed since";
    return ok(`${used}${same}`, { warnings: changed === undefined ? [] : [changed] });
  },
};
