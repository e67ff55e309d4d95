import { excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { parseArguments } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";
import { openOwnServer, reportToolRefusal } from "./own-server.ts";

const usage = `usage: deft-mcp call [TOOL] ['{"argument": "value"}'] [--json]

Calls one tool through a real MCP client over stdio and prints its result; without TOOL it lists the tools.
A tool's refusal is exit 2.
`;

/** `deft-mcp call TOOL [JSON]`: one tool call for shells. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  const json = argv.includes("--json");
  const work = async () => {
    const { positionals } = parseArguments(argv, { json: { type: "boolean" } }, ["[TOOL]", "[JSON]"]);
    const [tool, text] = positionals;
    return tool === undefined ? await listTools(io, json) : await callTool(tool, argumentsOf(text), io, json);
  };
  return await reportRefusal(io, json, () => reportToolRefusal(io, json, work));
}

async function listTools(io: CliIo, json: boolean): Promise<number> {
  const client = await openOwnServer(io);
  try {
    const tools = await client.listTools();
    if (json) printJson(io, { tools });
    else print(io.stdout, tools.map(({ name, description }) => `${name}\n  ${description}\n`).join(""));
    return exitOk;
  } finally {
    await client.close();
  }
}

async function callTool(tool: string, args: Record<string, unknown>, io: CliIo, json: boolean): Promise<number> {
  const client = await openOwnServer(io);
  try {
    const tools = (await client.listTools()).map(({ name }) => name);
    if (!tools.includes(tool))
      throw new Refusal("input.invalid", "There is no such tool.", { tool: excerpt(tool), tools });
    const result = await client.call(tool, args);
    if (json) printJson(io, result);
    else print(io.stdout, `${JSON.stringify(result, null, 2)}\n`);
    return exitOk;
  } finally {
    await client.close();
  }
}

function argumentsOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  const value = parsed(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Refusal("input.invalid", "The arguments must be one JSON object.", { got: excerpt(text) });
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new Refusal("input.invalid", "The arguments are not valid JSON.", { got: excerpt(text) }, { cause: error });
  }
}
