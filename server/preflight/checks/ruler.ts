import { rulerOf } from "../../data/ruler.ts";
import { layoutOf } from "../../data/spec.ts";
import { custodyOf, custodyText, rulerUses } from "../../journal/rulers.ts";
import { counted } from "../../run/counted.ts";
import type { Env } from "../../run/env.ts";
import { ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/**
 * Whether the KPI set still is what earlier runs of this workspace were measured on, and how often it was used: a set
 * that decides many times is learned by heart.
 */
export const rulerStep: Step = {
  id: "ruler",
  title: "Custody of the KPI set",
  async look({ spec, images_dir, workspace, deps, signal, csvs: { kpi_csv, holdout_csv } }): Promise<Findings> {
    if (spec === undefined || images_dir === undefined || kpi_csv === undefined) return {};
    const { ruler } = await rulerOf(kpi_csv.path, layoutOf(spec.content, images_dir), signal);
    const custody = await custodyOf({ workspace, set: "kpi", env: deps.env }, ruler);
    const changed = custodyText(custody);
    const used = `scored ${counted(custody.scorings, "time")} by ${counted(custody.runs, "earlier run")} of this workspace`;
    const same =
      custody.scorings === 0 ? "" : changed === undefined ? ", unchanged since the last one" : ", changed since";
    const seen = holdout_csv === undefined ? [] : await seenText(workspace, deps.env);
    return ok(`${used}${same}`, { warnings: [...(changed === undefined ? [] : [changed]), ...seen] });
  },
};

async function seenText(workspace: string, env: Env): Promise<string[]> {
  const uses = await rulerUses({ workspace, set: "holdout", env });
  if (uses.length === 0) return [];
  const runs = `${uses.length} earlier run${uses.length === 1 ? "" : "s"}`;
  return [`Frozen test set: ${runs} ended with a look at it; whoever chose by those figures has seen it.`];
}
