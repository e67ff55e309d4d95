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

const unboundedInt = Number.MAX_SAFE_INTEGER;

function objectSchema(schema: z.ZodObject, io: "input" | "output"): ListedTool["inputSchema"] {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io }) as Record<string, unknown>;
  return lean(json) as ListedTool["inputSchema"];
}

/** Drops bounds that only restate what a JSON integer is, and the key schema of records. */
function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(
    ([key, member]) =>
      !(key === "maximum" && member === unboundedInt) &&
      !(key === "minimum" && member === -unboundedInt) &&
      key !== "propertyNames",
  );
  return Object.fromEntries(kept.map(([key, member]) => [key, lean(member)]));
}
