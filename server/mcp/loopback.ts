import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Transport as ModernTransport } from "@modelcontextprotocol/server";
import type { Deps } from "../ports/call.ts";
import type { Message } from "../trace/message.ts";
import type { Line } from "../trace/talk.ts";
import { isModern } from "./modern/era.ts";
import type { ServerOptions } from "./options.ts";
import { buildServer } from "./server.ts";

/**
 * Connects to a server in this process and speaks plain protocol messages with it, as they lie in a trace. The first one
 * tells the era.
 */
export async function connectHere(deps: Deps, options: ServerOptions, hear: (message: Message) => void): Promise<Line> {
  const [here, there] = InMemoryTransport.createLinkedPair();
  here.onmessage = (message) => hear(message as Message);
  await here.start();
  let begun: Promise<unknown> | undefined;
  return {
    async send(message) {
      begun ??= isModern(message) ? beginModern(there, deps, options) : buildServer(deps, options).connect(there);
      await begun;
      await here.send({ jsonrpc: "2.0", ...message } as JSONRPCMessage);
    },
    close: () => here.close(),
  };
}

async function beginModern(there: Transport, deps: Deps, options: ServerOptions): Promise<void> {
  const { serveModern } = await import("./modern/connection.ts");
  await serveModern(there as ModernTransport, deps, options, {
    gone: () => undefined,
    async fallBack(channel) {
      const server = buildServer(deps, options);
      await server.connect(channel as unknown as Transport);
      return server;
    },
  });
}
