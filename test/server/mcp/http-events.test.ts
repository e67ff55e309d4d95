import { describe, expect, it } from "@jest/globals";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import fc from "fast-check";
import { recordEvents } from "../../../server/mcp/http-events.ts";

const message = (count: number): JSONRPCMessage => ({ jsonrpc: "2.0", method: `m${count}` });

async function replayed(events: ReturnType<typeof recordEvents>, after: string): Promise<JSONRPCMessage[]> {
  const sent: JSONRPCMessage[] = [];
  await events.replayEventsAfter(after, { send: async (_id, event) => void sent.push(event) });
  return sent;
}

describe("recorded events", () => {
  it("come again in order, those of the asked stream after the asked one, however the streams were mixed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom("a", "b:c", "_GET_stream"), { minLength: 1 }), async (streams) => {
        const events = recordEvents();
        const ids: string[] = [];
        for (const [count, stream] of streams.entries()) ids.push(await events.storeEvent(stream, message(count)));
        expect(new Set(ids).size).toBe(ids.length);
        for (const [at, id] of ids.entries()) {
          const later = streams.flatMap((stream, count) =>
            count > at && stream === streams[at] ? [message(count)] : [],
          );
          expect(await replayed(events, id)).toEqual(later);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("are forgotten from the oldest on beyond a thousand", async () => {
    const events = recordEvents();
    const first = await events.storeEvent("a", message(0));
    for (let count = 1; count <= 1200; count++) await events.storeEvent("a", message(count));
    const again = await replayed(events, first);
    expect([again.length, again.at(-1)]).toEqual([1000, message(1200)]);
  });

  it("know which ids they gave out", async () => {
    const events = recordEvents();
    const id = await events.storeEvent("a", message(1));
    expect(events.knows(id)).toBe(true);
    for (const other of ["", "a", "a:0", "a:2", ":1", "a:1x", `a:${"9".repeat(40)}`])
      expect(events.knows(other)).toBe(false);
  });
});
