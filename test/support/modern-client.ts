import { Client, type Transport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { InMemoryTransport, type JSONRPCMessage } from "@modelcontextprotocol/server";
import { serveModern } from "../../server/mcp/modern/connection.ts";
import type { Deps } from "../../server/ports/call.ts";
import { builtBin } from "./built-server.ts";
import type { Elicited } from "./memory-client.ts";

export const revision = "2026-07-28";

type Options = {
  readonly answer?: (message: string) => Elicited;
  readonly extensions?: Record<string, Record<string, never>>;
};

/** A client that knows the era without a handshake alone. */
export function newModernClient({ answer, extensions }: Options = {}): Client {
  const capabilities = {
    ...(answer ? { elicitation: { form: {} } } : {}),
    ...(extensions ? { extensions } : {}),
  };
  const client = new Client(
    { name: "test", version: "1" },
    {
      capabilities,
      versionNegotiation: { mode: { pin: revision } },
    },
  );
  if (answer) client.setRequestHandler("elicitation/create", async ({ params }) => answer(params.message));
  return client;
}

/** A real client of that era beside a real server in this process. */
export async function modernClient(deps: Deps, options: Options = {}): Promise<Client> {
  const client = newModernClient(options);
  await client.connect(await serveHere(deps));
  await client.listTools();
  return client;
}

async function serveHere(deps: Deps): Promise<InMemoryTransport> {
  const [here, there] = InMemoryTransport.createLinkedPair();
  await serveModern(
    there,
    deps,
    { version: "0", toolsets: ["deft", "osmo"], log() {} },
    {
      gone: () => undefined,
      fallBack: () => Promise.reject(new Error("a client of one era began another")),
    },
  );
  return here;
}

export type Told = {
  readonly result?: Record<string, unknown> & { content: { text: string }[] };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
};

/** Asks a server of its own in messages as they lie on the wire; every request says what the client can do. */
export async function modernWire(deps: Deps, capabilities: Record<string, unknown> = {}) {
  return await wireOver(await serveHere(deps), capabilities);
}

/** The same with the built server in a process of its own, which `kill` ends as a crash would. */
export async function modernProcess(env: Record<string, string>, cwd: string, capabilities: Record<string, unknown>) {
  const transport = new StdioClientTransport({ command: process.execPath, args: [builtBin, "serve"], env, cwd });
  const wire = await wireOver(transport, capabilities);
  return {
    ...wire,
    async kill(): Promise<void> {
      const gone = new Promise<void>((resolve) => (transport.onclose = resolve));
      process.kill(Number(transport.pid), "SIGKILL");
      await gone;
    },
  };
}

async function wireOver(here: Transport, capabilities: Record<string, unknown>) {
  const waiting = new Map<unknown, (told: Told) => void>();
  here.onmessage = (message) => {
    if ("id" in message) waiting.get(message.id)?.(message as Told);
  };
  await here.start();
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    "io.modelcontextprotocol/clientInfo": { name: "wire", version: "1" },
  };
  let last = 0;
  return {
    ask(method: string, params: Record<string, unknown> = {}): Promise<Told> {
      last += 1;
      const told = new Promise<Told>((resolve) => waiting.set(last, resolve));
      void here.send({ jsonrpc: "2.0", id: last, method, params: { _meta, ...params } } as JSONRPCMessage);
      return told;
    },
    close: () => here.close(),
  };
}
