import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { type CallToolResult, CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { type Facts, Refusal, type RefusalCode, refusals } from "../../errors.ts";
import { parseJson } from "../../fs/json.ts";

import { defined } from "../../run/defined.ts";
import type { Env } from "../../run/env.ts";
import { schemaValidator } from "../schema-validator.ts";

/** The program that serves, as it would be named to any MCP client. */
export type ServerCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Env;
  readonly cwd: string;
};

export type ListedTool = { readonly name: string; readonly description: string };

/** One connection to one server process. */
export type ToolClient = {
  listTools(): Promise<ListedTool[]>;
  /** The structured result of a tool. @throws the Refusal that the tool answers with; Error for a defect of it. */
  call(name: string, args: Record<string, unknown>): Promise<ToolResult>;
  /** Ends the server process; jobs that it started run on. */
  close(): Promise<void>;
};

export type ToolResult = Readonly<Record<string, unknown>>;

const STDERR_KEPT = 4000;
/** The server decides how long a call waits; the client only must not give up before. */
const PATIENCE_MS = 24 * 3600 * 1000;

/** Starts a server process and connects to it over its stdin and stdout, like any MCP client does. */
export async function openToolClient(server: ServerCommand, version: string): Promise<ToolClient> {
  const transport = new StdioClientTransport({
    command: server.command,
    args: [...server.args],
    env: defined(server.env),
    cwd: server.cwd,
    stderr: "pipe",
  });
  let heard = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    heard = (heard + chunk.toString("utf8")).slice(-STDERR_KEPT);
  });
  const client = new Client(
    { name: "deft-mcp-cli", version },
    { capabilities: {}, jsonSchemaValidator: schemaValidator },
  );
  const told = <T>(work: Promise<T>) => work.catch((error: unknown) => Promise.reject(withStderr(error, heard)));
  await told(client.connect(transport));
  return {
    listTools: async () => {
      const { tools } = await told(client.listTools());
      return tools.map(({ name, description }) => ({ name, description: description ?? "" }));
    },
    call: async (name, args) => {
      const request = client.callTool({ name, arguments: args }, CallToolResultSchema, { timeout: PATIENCE_MS });
      return resultOf((await told(request)) as CallToolResult);
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

/** A server that dies says why on stderr, not in the protocol. */
function withStderr(error: unknown, heard: string): unknown {
  if (!(error instanceof Error) || heard === "") return error;
  return new Error(`${error.message}\nThe server wrote:\n${heard.trim()}`, { cause: error });
}
