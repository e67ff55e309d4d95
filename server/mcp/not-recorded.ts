import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
import { isRecord, membersOf } from "../run/record.ts";
import { isModern, revisionOf } from "./modern/era.ts";

const message =
  "This server records its conversations, and a recording holds those that begin with initialize: begin so, or start the server without --record (DEFT_RECORD).";

/** The error, as every client of 2026-07-28 knows it, that sends a client to the eras which can be replayed. */
export function notRecorded(request: unknown): JSONRPCMessage {
  const { id } = membersOf(request);
  const data = { supported: [...SUPPORTED_PROTOCOL_VERSIONS], requested: revisionOf(request) };
  return { jsonrpc: "2.0", id: id as string | number, error: { code: -32022, message, data } };
}

/** The same wire without the messages of the era that no replay can play, which are refused before anybody hears them. */
export function handshakesOnly(wire: Transport): Transport {
  const channel: Transport = {
    async start() {
      wire.onmessage = (message, extra) => {
        if (!isModern(message)) channel.onmessage?.(message, extra);
        else if (isRecord(message) && "id" in message) void wire.send(notRecorded(message)).catch(() => undefined);
      };
      wire.onclose = () => channel.onclose?.();
      wire.onerror = (error) => channel.onerror?.(error);
      await wire.start();
    },
    send: (message, options) => wire.send(message, options),
    close: () => wire.close(),
  };
  return channel;
}
