import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Message } from "../trace/message.ts";
import type { Tap } from "../trace/recorder.ts";

/** Lets a tap hear every message of a transport, before the server does and before the client does. */
export function tapped(transport: Transport, tap: Tap): Transport {
  const send = transport.send.bind(transport);
  transport.onmessage = (message) => tap.fromClient(message as Message);
  // Answers wait for the tap one after the other, so that what is written keeps the order of what is sent.
  let before = Promise.resolve();
  transport.send = (message, options) => {
    before = before.catch(() => undefined).then(() => tap.fromServer(message as Message));
    return before.then(() => send(message, options));
  };
  return transport;
}
