import { describe, expect, it } from "@jest/globals";
import { rateOf } from "../../../server/mcp/http-rate.ts";

describe("the share of one caller", () => {
  it("is a burst, and then what the minute allows", () => {
    let now = 0;
    const ask = rateOf(60, () => now);
    expect(Array.from({ length: 6 }, () => ask("a"))).toEqual(Array(6).fill(undefined));
    expect([ask("a"), ask("b")]).toEqual([1, undefined]);
    now = 2_000;
    expect([ask("a"), ask("a"), ask("a")]).toEqual([undefined, undefined, 1]);
    now = 3_600_000;
    expect(Array.from({ length: 7 }, () => ask("a")).at(-1)).toBe(1);
  });

  it("is at least one request, however little a minute allows", () => {
    const ask = rateOf(1, () => 0);
    expect([ask("a"), ask("a")]).toEqual([undefined, 60]);
  });

  it("is forgotten of the caller that was quiet longest, so that memory has a bound", () => {
    const ask = rateOf(10, () => 0);
    ask("first");
    for (let caller = 0; caller < 10_000; caller += 1) ask(`caller ${caller}`);
    expect(ask("first")).toBeUndefined();
    expect(ask("caller 9999")).toBe(6);
  });
});
