// How long a report takes, and the memory of it: node bench/run.mjs report [ROWS] [ITERATIONS]. 10,000 KPI rows each without, 10
// iterations after the baseline, 100,000 training rows. Reading apart from laying out, beside `cat` of the same tables.
import { execFileSync } from "node:child_process";
import { renderPage } from "../server/report/html.ts";
import { load } from "../server/report/load.ts";
import { renderReport } from "../server/report/render.ts";
import { readTemplates } from "../server/report/templates.ts";
import { finishedRun } from "../test/support/finished-run.ts";
import { told } from "./memory.ts";

const clock = { now: () => new Date(0) };

export async function measure(): Promise<void> {
  const [rows = 10_000, iterations = 10] = process.argv.slice(2).map(Number);
  const run = await finishedRun({
    far_pct: [52, 40, 30, 20, 15, 10, 8, 6, 4, 2, 1].slice(0, iterations + 1),
    pass_rows: rows * 0.96,
    defects: { missing: rows * 0.025, bridge: rows * 0.015 },
    base_rows: 100_000,
  });
  try {
    const tables = Object.values(run.state.iterations).flatMap((one) => one.inference_csv ?? []);
    console.log(`\n${tables.length} scored sets of ${rows} KPI rows, 100000 training rows`);
    await told("limit: cat of the scored sets", () => execFileSync("cat", tables, { stdio: "ignore" }));
    let model: Awaited<ReturnType<typeof load>> | undefined;
    await told("reading the run into a model", async () => {
      model = await load(run.runDir, { clock });
    });
    console.log(`    left out: ${model?.missing.join(" ") || "nothing"}`);
    const templates = await readTemplates();
    await told("laying out the page", () => model && renderPage(model, templates));
    await told("the whole report, written atomically", () => renderReport(run.runDir, { clock }));
  } finally {
    await run.remove();
  }
}
