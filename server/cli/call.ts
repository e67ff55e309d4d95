import { excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { command } from "./frame.ts";
import { withOwnServer } from "./own-server.ts";

/** `deft-mcp call [TOOL] [JSON]`: one tool call for shells, or the list of tools. */
export const run = command("call", async ({ positionals: [tool, text] }, io) => {
  const given = argumentsOf(text);
  return await withOwnServer(io, {}, async (client) => {
    const tools = await client.listTools();
    if (tool === undefined) {
      return { value: { tools }, text: tools.map(({ name, description }) => `${name}\n  ${description}\n`).join("") };
    }
    const names = tools.map(({ name }) => name);
    if (!names.includes(tool)) {
      throw new Refusal("input.unknown-field", "There is no such tool.", { tool: excerpt(tool), tools: names });
    }
    const value = await client.call(tool, given);
    return { value, text: `${JSON.stringify(value, null, 2)}\n` };
  });
});

function argumentsOf(text = "{}"): Record<string, unknown> {
  try {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new Refusal("input.invalid", "The arguments are not valid JSON.", { got: excerpt(text) }, { cause: error });
  }
  throw new Refusal("input.invalid", "The arguments must be one JSON object.", { got: excerpt(text) });
}
