import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { serveModern } from "../../server/mcp/modern/connection.ts";
import type { Deps } from "../../server/ports/call.ts";
import type { Elicited } from "./memory-client.ts";

export const revision = "2026-07-28";

type Options = {
  readonly answer?: (message: string) => Elicited;
  /** Questions come back as results, and nobody answers them. */
  readonly manual?: boolean;
  readonly log?: string[];
  readonly extensions?: Record<string, Record<string, never>>;
};

/** A client that knows the era without a handshake alone. */
export function newModernClient({ answer, manual = false, extensions }: Options = {}): Client {
  const capabilities = {
    ...(answer || manual ? { elicitation: { form: {} } } : {}),
    ...(extensions ? { extensions } : {}),
  };
  const client = new Client(
    { name: "test", version: "1" },
    {
      capabilities,
      versionNegotiation: { mode: { pin: revision } },
      ...(manual ? { inputRequired: { autoFulfill: false } } : {}),
    },
  );
  if (answer) client.setRequestHandler("elicitation/create", async ({ params }) => answer(params.message));
  return client;
}

/** A real client of that era beside a real server in this process. */
export async function modernClient(deps: Deps, options: Options = {}): Promise<Client> {
  const [here, there] = InMemoryTransport.createLinkedPair();
  const { log = [] } = options;
  await serveModern(
    there,
    deps,
    { version: "0", toolsets: ["deft", "osmo"], log: (line) => log.push(line) },
    {
      gone: () => undefined,
      fallBack: () => Promise.reject(new Error("a client of one era began another")),
    },
  );
  const client = newModernClient(options);
  await client.connect(here);
  await client.listTools();
  return client;
}
