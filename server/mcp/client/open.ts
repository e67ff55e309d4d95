import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type CallToolResult, CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { type Facts, Refusal, type RefusalCode, refusals } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";
import { schemaValidator } from "../schema-validator.ts";

export type ListedTool = { readonly name: string; readonly description: string };

/** One connection to one server. */
export type ToolClient = {
  listTools(): Promise<ListedTool[]>;
  /** The structured result of a tool. @throws the Refusal that the tool answers with; Error for a defect of it. */
  call(name: string, args: Record<string, unknown>): Promise<ToolResult>;
  /** Ends the connection; jobs that were started run on. */
  close(): Promise<void>;
};

export type ToolResult = Readonly<Record<string, unknown>>;

/** The server decides how long a call waits; the client only must not give up before. */
const PATIENCE_MS = 24 * 3600 * 1000;

/** Connects to a server like any MCP client does. */
export async function openToolClient(transport: Transport, version: string): Promise<ToolClient> {
  const client = new Client(
    { name: "deft-mcp-cli", version },
    { capabilities: {}, jsonSchemaValidator: schemaValidator },
  );
  await client.connect(transport);
  return {
    listTools: async () => {
      const { tools } = await client.listTools();
      return tools.map(({ name, description }) => ({ name, description: description ?? "" }));
    },
    call: async (name, args) => {
      const request = client.callTool({ name, arguments: args }, CallToolResultSchema, { timeout: PATIENCE_MS });
      return resultOf((await request) as CallToolResult);
    },
    close: () => client.close(),
  };
}

function resultOf(answer: CallToolResult): ToolResult {
  const [first] = answer.content;
  const text = first?.type === "text" ? first.text : "";
  if (answer.isError) throw failureOf(text);
  return answer.structuredContent ?? {};
}

/** A tool's "no" as what it was on the server: its text is `code: message`, fenced facts and the next step. */
function failureOf(text: string): Error {
  const [, code = "", message = ""] = /^([a-z]+\.[a-z-]+): (.*)/.exec(text) ?? [];
  if (!Object.hasOwn(refusals, code)) return new Error(text);
  const facts = /^```json\n(.*)\n```$/m.exec(text)?.[1];
  return new Refusal(code as RefusalCode, message, facts === undefined ? {} : (parseJson(facts) as Facts));
}
