import { basename } from "node:path";
import { z } from "zod";
import { resolveRun } from "../server/loop/which-run.ts";
import { reportAppUri } from "../server/report/app.ts";
import { defineTool, runField, workspaceField } from "./define.ts";

export const renderReport = defineTool({
  name: "render_report",
  title: "Render the DEFT report",
  description: "Renders a run's HTML report anew.",
  toolset: "deft",
  input: z.strictObject({
    run: runField,
    workspace: workspaceField,
    trigger: z.enum(["iteration", "loop-end"]).optional(),
  }),
  output: z.object({
    status_line: z.string(),
    report_path: z.string(),
    report_uri: z.string(),
    bytes: z.number(),
    warnings: z.array(z.string()),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  view: reportAppUri,
  async handle(args, { deps }) {
    const { renderReport: render } = await import("../server/report/render.ts");
    const runDir = await resolveRun(args, deps, { orLatest: true });
    const { report_path, bytes, warnings } = await render(runDir, deps);
    const remarks = warnings.length === 0 ? "" : `, ${warnings.length} remarks about what is missing`;
    return {
      status_line: `Report rendered: ${report_path} (${Math.ceil(bytes / 1000)} kB${remarks})`,
      report_path,
      report_uri: `deft://run/${encodeURIComponent(basename(runDir))}/report`,
      bytes,
      warnings: warnings.slice(0, 10),
    };
  },
});
