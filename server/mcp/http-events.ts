import type { EventStore } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";

type Event = { readonly number: number; readonly stream: string; readonly message: JSONRPCMessage };

/** Beyond this many the oldest are forgotten; a client so far behind calls again, which loses nothing either. */
const mostEvents = 1000;

export type Events = EventStore & {
  /** Whether an id was given out here; anything else cannot be resumed from. */
  knows(id: string): boolean;
};

/**
 * What one session was sent, so that a client whose connection broke gets the rest. Ids are `<stream>:<number>` with
 * one count for the session, so that events of the same instant keep their order.
 */
export function recordEvents(): Events {
  const events: Event[] = [];
  let last = 0;
  return {
    async storeEvent(stream, message) {
      last += 1;
      events.push({ number: last, stream, message });
      if (events.length > mostEvents) events.shift();
      return `${stream}:${last}`;
    },
    async replayEventsAfter(id, { send }) {
      const { stream, number } = parseId(id);
      for (const event of events.filter((one) => one.stream === stream && one.number > number)) {
        await send(`${stream}:${event.number}`, event.message);
      }
      return stream;
    },
    knows(id) {
      const { stream, number } = parseId(id);
      return stream !== "" && number >= 1 && number <= last;
    },
  };
}

function parseId(id: string): { stream: string; number: number } {
  const [, stream = "", digits = ""] = /^(.+):(\d{1,15})$/.exec(id) ?? [];
  return { stream, number: Number(digits) };
}
