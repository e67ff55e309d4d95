import { join } from "node:path";
import { writeGaps } from "../data/gap-files.ts";
import { readInferenceTable } from "../data/inference.ts";
import { layoutOf, readSpec } from "../data/spec.ts";
import { breakdownText } from "../kpi/gaps.ts";
import { command } from "./frame.ts";

/** `deft-mcp gaps`: ranks the weakest KPI rows and writes what the published gap analysis writes. */
export const run = command("gaps", async ({ options }) => {
  const chosen = { minRecall: options["min-recall"], topK: options["top-k"], threshold: options.threshold };
  const layout = layoutOf(await readSpec(options["train-config"]), options["media-root"]);
  const table = await readInferenceTable(join(options["inference-dir"], "inference.csv"));
  const { analysis, gaps, gaps_path } = await writeGaps(options["output-dir"], table, layout, chosen);
  const { threshold, point, ranked } = analysis;
  return {
    value: { threshold, rows: table.rows, weak_rows: ranked.length, gaps: gaps.length, gaps_path, point },
    text: `${breakdownText(analysis, table.rows, chosen.topK)}${gaps_path}\n`,
  };
});
