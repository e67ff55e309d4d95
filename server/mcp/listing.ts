import type { Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Tool } from "../../tools/define.ts";
import { defined } from "../run/defined.ts";

/** A tool as `tools/list` shows it: lean JSON schemas, since every byte of them is paid for in every session. */
export function listed(tool: Tool, showsViews = false): ListedTool {
  const hints = defined({
    "anthropic/alwaysLoad": tool.alwaysLoad || undefined,
    ui: showsViews && tool.view !== undefined ? { resourceUri: tool.view } : undefined,
    "anthropic/searchHint": tool.searchHint,
  });
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: objectSchema(tool.input, "input"),
    outputSchema: objectSchema(tool.output, "output"),
    annotations: tool.annotations,
    ...defined({ _meta: Object.keys(hints).length === 0 ? undefined : hints }),
  };
}

function objectSchema(schema: z.ZodObject, io: "input" | "output"): ListedTool["inputSchema"] {
  const { $schema: _dialect, required, ...json } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  const listed = lean(json, io === "output") as ListedTool["inputSchema"];
  return { ...listed, ...defined({ required: required as string[] | undefined }) };
}

/** Limits that the call handler checks anyway and answers with a named refusal; a model needs none of them to call. */
const limits = new Set(["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength"]);

/**
 * Results are parsed before they leave, so an `open` schema need not say again, at every level, what is always in them;
 * and an unknown argument is answered with the nearest known one, so no schema need rule it out.
 */
function lean(value: unknown, open: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => lean(item, open));
  if (value === null || typeof value !== "object") return value;
  const isIdle = (key: string, member: unknown) =>
    (limits.has(key) && typeof member !== "object") ||
    key === "propertyNames" ||
    (key === "additionalProperties" && (member === false || JSON.stringify(member) === "{}")) ||
    (open && key === "required" && Array.isArray(member));
  const kept = Object.entries(value).filter(([key, member]) => !isIdle(key, member));
  return Object.fromEntries(kept.map(([key, member]) => [key, lean(member, open)]));
}
