import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { type CallToolResult, CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";

import { defined } from "../../run/defined.ts";
import type { Env } from "../../run/env.ts";

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
  /** The structured result of a tool. @throws ToolRefusal when the tool answers with an error. */
  call(name: string, args: Record<string, unknown>): Promise<ToolResult>;
  /** Ends the server process; jobs that it started run on. */
  close(): Promise<void>;
};

export type ToolResult = Readonly<Record<string, unknown>>;

/** A tool said no. `text` is what an agent would read: `code: message`, facts, next step. */
export class ToolRefusal extends Error {
  readonly code: string;
  readonly text: string;

  constructor(text: string) {
    super(text.split("\n", 1)[0] ?? text);
    this.name = "ToolRefusal";
    this.code = /^[a-z]+(\.[a-z-]+)?(?=: )/.exec(text)?.[0] ?? "internal";
    this.text = text;
  }
}

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
  const client = new Client({ name: "deft-mcp-cli", version }, { capabilities: {} });
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
  if (answer.isError) throw new ToolRefusal(text);
  return answer.structuredContent ?? {};
}

/** A server that dies says why on stderr, not in the protocol. */
function withStderr(error: unknown, heard: string): unknown {
  if (!(error instanceof Error) || heard === "") return error;
  return new Error(`${error.message}\nThe server wrote:\n${heard.trim()}`, { cause: error });
}
