import { setImmediate } from "node:timers/promises";
import { expect, it } from "@jest/globals";
import { releaseMemory } from "../../../server/run/idle-memory.ts";

it("what nobody holds is given back before a wait, and what somebody holds is not", async () => {
  const held = [new Uint8Array(64 << 20), new Uint8Array(256 << 20)];
  const [kept, dropped] = held.map((bytes) => new WeakRef(bytes));
  held.pop();
  // What a reference was made or asked of is held until the turn is over. Its bytes are freed by a thread of its own, later.
  await setImmediate();
  releaseMemory();
  expect([kept, dropped].map((bytes) => bytes?.deref() !== undefined)).toEqual([true, false]);
  expect(held[0]).toHaveLength(64 << 20);
});
