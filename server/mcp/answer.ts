import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { Link } from "../../tools/define.ts";
import { Refusal } from "../errors.ts";
import { oneLine, visible } from "../run/visible.ts";

/**
 * A tool's success: the same JSON as structured content and as text, for clients that read only one of them.
 * Text from data lies in it quoted, its controls as escapes.
 */
export function success(output: Record<string, unknown>, links: readonly Link[] = []): CallToolResult {
  const text = { type: "text" as const, text: visible(JSON.stringify(output)) };
  return {
    content: [text, ...links.map((link) => ({ type: "resource_link" as const, ...link }))],
    structuredContent: output,
  };
}

/**
 * A refusal or a defect as a tool result: one text block, no structured content (the SDK client would hold it against
 * the success schema and throw).
 */
export function failure(error: unknown, incident: string): CallToolResult {
  return { isError: true, content: [{ type: "text", text: failureText(error, incident) }] };
}

/** `code: message`, the facts as one fenced JSON line, `Next: remedy`. */
export function failureText(error: unknown, incident: string): string {
  if (!(error instanceof Refusal)) {
    return `internal: the server failed unexpectedly (incident ${incident}).\nNext: Report this with the incident's stack from the server's stderr.`;
  }
  const facts = error.hardStop ? { ...error.facts, hard_stop: true } : error.facts;
  const fenced = Object.keys(facts).length === 0 ? "" : `\n\`\`\`json\n${visible(JSON.stringify(facts))}\n\`\`\``;
  return `${error.code}: ${oneLine(error.message)}${fenced}\nNext: ${error.remedy}`;
}
