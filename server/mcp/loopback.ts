import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Deps } from "../ports/call.ts";
import type { Message } from "../trace/message.ts";
import type { Line } from "../trace/talk.ts";
import type { ServerOptions } from "./answers.ts";
import { buildServer } from "./server.ts";

/** Connects to a server in this process and speaks plain protocol messages with it, as they lie in a trace. */
export async function connectHere(deps: Deps, options: ServerOptions, hear: (message: Message) => void): Promise<Line> {
  const [here, there] = InMemoryTransport.createLinkedPair();
  here.onmessage = (message) => hear(message as Message);
  await Promise.all([buildServer(deps, options).connect(there), here.start()]);
  return { send: (message) => here.send({ jsonrpc: "2.0", ...message } as JSONRPCMessage), close: () => here.close() };
}
