import { renderReport } from "../report/render.ts";
import { systemDeps } from "./deps.ts";
import { command } from "./frame.ts";
import { runNearby } from "./nearby.ts";

/** `deft-mcp report [RUN]`: renders the report of any run, finished or not. */
export const run = command("report", async ({ positionals: [named], options }, io) => {
  const deps = systemDeps(io);
  const rendered = await renderReport(await runNearby(named, options.workspace, deps), deps);
  const notes = rendered.warnings.map((text) => `note: ${text}\n`);
  return { value: rendered, text: `${notes.join("")}${rendered.report_path}\n` };
});
