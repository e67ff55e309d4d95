import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { type CallToolResult, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import { buildServer } from "../../server/mcp/server.ts";
import type { Deps } from "../../server/ports/call.ts";
import type { Toolset } from "../../tools/define.ts";

export type Elicited = { action: "accept" | "decline" | "cancel"; content?: Record<string, string | number | boolean> };

type Options = {
  answer?: (message: string) => Elicited;
  toolsets?: Toolset[];
  log?: string[];
  extensions?: Record<string, object>;
};

const compiler = new AjvJsonSchemaValidator();
const compiled = new Map<string, ReturnType<typeof compiler.getValidator>>();

/** Compiling the schemas of all tools takes longer than most calls: once a file is enough. */
const compiledOnce: typeof compiler.getValidator = <T>(schema: Parameters<typeof compiler.getValidator>[0]) => {
  const key = JSON.stringify(schema);
  const found = compiled.get(key) ?? compiler.getValidator(schema);
  compiled.set(key, found);
  return found as ReturnType<typeof compiler.getValidator<T>>;
};

/** A real client beside a real server in this process. `answer` makes it a client that can ask its human. */
export async function memoryClient(deps: Deps, options: Options = {}): Promise<Client> {
  const { answer, toolsets = ["deft", "osmo"], log = [], extensions } = options;
  const server = buildServer(deps, { version: "0", toolsets, log: (line) => log.push(line) });
  const client = new Client(
    { name: "test", version: "1" },
    {
      capabilities: { ...(answer ? { elicitation: { form: {} } } : {}), ...(extensions ? { extensions } : {}) },
      jsonSchemaValidator: { getValidator: compiledOnce },
    },
  );
  if (answer) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => answer(params.message));
  const [here, there] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(there), client.connect(here)]);
  // Listing first makes the client hold every structured result against the tool's output schema.
  await client.listTools();
  return client;
}

/** The text of a tool result's first block. */
export function textOf(result: Awaited<ReturnType<Client["callTool"]>>): string {
  const [first] = (result as CallToolResult).content;
  return first?.type === "text" ? first.text : "";
}
