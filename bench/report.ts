// How long a report takes: 10 iterations, 10,000 KPI rows each, 100,000 training rows. Reading apart from laying out.
import { renderPage } from "../server/report/html.ts";
import { load } from "../server/report/load.ts";
import { renderReport } from "../server/report/render.ts";
import { readTemplates } from "../server/report/templates.ts";
import { finishedRun } from "../test/support/finished-run.ts";
import { show, timed } from "./timing.ts";

const clock = { now: () => new Date(0) };

export async function measure(): Promise<void> {
  const run = await finishedRun({
    far_pct: [52, 40, 30, 20, 15, 10, 8, 6, 4, 2, 1],
    pass_rows: 9600,
    defects: { missing: 250, bridge: 150 },
    base_rows: 100_000,
  });
  try {
    const model = await load(run.runDir, { clock });
    const templates = await readTemplates();
    const { bytes } = await renderReport(run.runDir, { clock });
    console.log(`\n11 iterations, 10000 KPI rows, 100000 training rows; the page has ${bytes} bytes`);
    show("reading the run into a model", await timed(() => load(run.runDir, { clock })));
    show("laying out the page", await timed(() => renderPage(model, templates)));
    show("the whole report, written atomically", await timed(() => renderReport(run.runDir, { clock }).then(() => {})));
  } finally {
    await run.remove();
  }
}
