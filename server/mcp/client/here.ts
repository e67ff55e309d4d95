import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Deps } from "../../ports/call.ts";
import type { Tap } from "../../trace/recorder.ts";
import type { ServerOptions } from "../options.ts";
import { buildServer } from "../server.ts";
import { tapped } from "../tap.ts";
import { openToolClient, type ToolClient } from "./open.ts";

/** A client of a server in this very process; closing it ends both. */
export async function clientOfServerHere(deps: Deps, options: ServerOptions, tap?: Tap): Promise<ToolClient> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const server = buildServer(deps, options);
  await server.connect(tap === undefined ? theirs : tapped(theirs, tap));
  const client = await openToolClient(ours, options.version);
  return {
    ...client,
    async close() {
      await client.close();
      await server.close();
      tap?.close();
    },
  };
}
