import type { Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Tool } from "../../tools/define.ts";

/** A tool as `tools/list` shows it: lean JSON schemas, since every byte of them is paid for in every session. */
export function listed(tool: Tool): ListedTool {
  const hints = {
    ...(tool.alwaysLoad === true ? { "anthropic/alwaysLoad": true } : {}),
    ...(tool.searchHint === undefined ? {} : { "anthropic/searchHint": tool.searchHint }),
  };
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: objectSchema(tool.input, "input"),
    outputSchema: objectSchema(tool.output, "output"),
    annotations: tool.annotations,
    ...(Object.keys(hints).length === 0 ? {} : { _meta: hints }),
  };
}

function objectSchema(schema: z.ZodObject, io: "input" | "output"): ListedTool["inputSchema"] {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return lean(json) as ListedTool["inputSchema"];
}

/** Limits that the call handler checks anyway and answers with a named refusal; a model needs none of them to call. */
const unlisted = new Set(["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "propertyNames"]);

function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (value === null || typeof value !== "object") return value;
  const isLimit = (key: string, member: unknown) =>
    unlisted.has(key) && (typeof member !== "object" || key === "propertyNames");
  const kept = Object.entries(value).filter(([key, member]) => !isLimit(key, member));
  return Object.fromEntries(kept.map(([key, member]) => [key, lean(member)]));
}
