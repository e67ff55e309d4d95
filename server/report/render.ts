import { resolve } from "node:path";
import { writeAtomic } from "../fs/atomic.ts";
import { runPaths } from "../run/paths.ts";
import { renderPage } from "./html.ts";
import { load, type ReportDeps } from "./load.ts";
import { readTemplates } from "./templates.ts";

/**
 * Renders `DEFT_Loop_Report.html` of a run from its disk and replaces the old one atomically.
 *
 * `warnings` names what the run lacks; a malformed run still gets its report.
 *
 * @throws Refusal `input.write-failed` when the report cannot be written; the old one then stays.
 */
export async function renderReport(
  runDir: string,
  deps: ReportDeps,
): Promise<{ report_path: string; bytes: number; warnings: string[] }> {
  const [model, templates] = await Promise.all([load(runDir, deps), readTemplates()]);
  const page = Buffer.from(renderPage(model, templates), "utf8");
  const report_path = runPaths(resolve(runDir)).report;
  await writeAtomic(report_path, page);
  return { report_path, bytes: page.byteLength, warnings: [...model.missing] };
}
