import type { JSONRPCMessage, MessageExtraInfo, Transport } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Deps } from "../../ports/call.ts";
import type { ServerOptions } from "../options.ts";
import { newConversation } from "./conversations.ts";
import { isHandshake } from "./era.ts";
import { modernBuilder } from "./server.ts";
import { watchSubscribed } from "./watch.ts";

/** What serves one connection; closing it closes the wire too. */
export type Served = { close(): Promise<void> };

export type Beside = {
  /** Begins a conversation of the eras before on the same wire, whose first message is then its. */
  fallBack(channel: Transport): Promise<Served>;
  /** Called when the client went away. */
  gone(): void;
};

/**
 * Serves one connection that began without a handshake, as 2026-07-28 has it. A client that only looked around by
 * `server/discover` may still decide for a handshake: the wire is then handed on.
 */
export async function serveModern(
  wire: Transport,
  deps: Deps,
  options: ServerOptions,
  { fallBack, gone }: Beside,
): Promise<Served> {
  const channel = channelOf(wire);
  let current: Transport = channel;
  const watch = watchSubscribed(deps);
  const conversation = newConversation();
  const build = modernBuilder(deps, options, () => conversation);
  let decided = false;
  let served: Served = serveStdio(
    () => {
      const server = build();
      watch.tell = (uri) => server.sendResourceUpdated({ uri });
      return server;
    },
    { legacy: "reject", transport: channel, onerror: () => undefined },
  );
  let turn = Promise.resolve();
  const heardBy = wire.onmessage;
  wire.onmessage = (message, extra) => {
    heardBy?.(message, extra);
    // One after the other: while the other era is begun, what follows its first message waits.
    turn = turn.then(() => take(message, extra)).catch((error: unknown) => options.log(String(error)));
  };
  const take = async (message: JSONRPCMessage, extra: MessageExtraInfo | undefined) => {
    if (current === channel && !decided && isHandshake(message)) {
      await channel.leave();
      await served.close();
      const next = channelOf(wire);
      served = await fallBack(next);
      current = next;
      next.onmessage?.(message, extra);
      return;
    }
    decided ||= !("method" in message) || message.method !== "server/discover";
    if (current === channel) await watch.hear(message);
    current.onmessage?.(message, extra);
  };
  wire.onclose = () => {
    watch.close();
    current.onclose?.();
    gone();
  };
  await wire.start();
  return { close: () => served.close() };
}

type Channel = Transport & {
  /** Once what was asked is answered, only this user of the wire goes when it is closed: the wire stays. */
  leave(): Promise<void>;
};

function channelOf(wire: Transport): Channel {
  const asked = new Set<unknown>();
  let quiet = () => {};
  let leaves = false;
  let hear: Transport["onmessage"];
  return {
    get onmessage() {
      return hear;
    },
    set onmessage(next) {
      hear = (message, extra) => {
        if ("id" in message && "method" in message) asked.add(message.id);
        next?.(message, extra);
      };
    },
    start: async () => undefined,
    async send(message, options) {
      await wire.send(message, options);
      if ("method" in message || !asked.delete(message.id) || asked.size > 0) return;
      quiet();
    },
    async leave() {
      leaves = true;
      if (asked.size > 0) await new Promise<void>((resolve) => (quiet = resolve));
    },
    async close() {
      if (leaves) this.onclose?.();
      else await wire.close();
    },
  };
}
