import { readTemplates } from "./templates.ts";

/** Where hosts with MCP Apps find the view; the tools that show it name it in `_meta.ui.resourceUri`. */
export const reportAppUri = "ui://deft-mcp/report.html";

/** Exactly this type makes a host treat a resource as a view. */
export const reportAppMimeType = "text/html;profile=mcp-app";

/**
 * The view of MCP Apps (2026-01-26) that shows a run's report inside a host: one static file without network access.
 *
 * It takes `report_uri` from the result of its tool, reads that resource through the host and puts it in place, so
 * that the report itself never passes through the model.
 */
export async function reportApp(): Promise<{
  uri: string;
  mimeType: string;
  text: string;
  _meta: Record<string, unknown>;
}> {
  const text = (await readTemplates())["app.html"];
  if (text === undefined) throw new Error("no report template app.html");
  return { uri: reportAppUri, mimeType: reportAppMimeType, text, _meta: { ui: { prefersBorder: true } } };
}
