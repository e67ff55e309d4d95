import { expect, it } from "@jest/globals";
import { releaseMemory } from "../../../server/run/idle-memory.ts";

const megabytes = (): number => process.memoryUsage().arrayBuffers / 2 ** 20;

it("what nobody holds is given back before a wait, and what somebody holds is not", () => {
  const held = [new Uint8Array(64 << 20), new Uint8Array(256 << 20)];
  const before = megabytes();
  held.pop();
  releaseMemory();
  expect(before - megabytes()).toBeGreaterThan(200);
  expect(held[0]).toHaveLength(64 << 20);
});
