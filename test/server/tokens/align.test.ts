import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { alignTokens, type Message, microsOf } from "../../../server/tokens/align.ts";
import { collectMessages } from "../../../server/tokens/collect.ts";

const vectors = join(process.cwd(), "test/fixtures/vectors/tokens");

const at = (text: string): number => microsOf(text) ?? Number.NaN;

const aMessage = (time: string | number, patch: Partial<Message> = {}): Message => ({
  at: typeof time === "number" ? time : at(time),
  model: "m",
  input: 1,
  output: 10,
  cache_read: 100,
  cache_create: 1000,
  cache_create_5m: 1000,
  cache_create_1h: 0,
  ...patch,
});

describe("token alignment", () => {
  it("gives what the vendor's program gives on a transcript without repeated messages", async () => {
    const lines = (await readFile(join(vectors, "loop_log.jsonl"), "utf8")).trim().split("\n");
    const entries = lines.map((line) => JSON.parse(line) as { seq: number; ts: string });
    const expected = JSON.parse(await readFile(join(vectors, "expected.json"), "utf8"));
    const messages = await collectMessages([join(vectors, "transcript.jsonl")]);
    const { usage, attributed } = alignTokens(entries, messages);
    const filled = entries.map((entry) => {
      const tokens = usage.get(entry.seq);
      return { ...entry, context_tokens: tokens?.context_size_end, tokens };
    });
    expect(filled).toEqual(expected.entries);
    expect(expected.stderr).toEqual([
      `align_token_usage: ${entries.length} stages, ${attributed}/${messages.length} assistant messages attributed`,
    ]);
  });

  it("closes a window at its entry's very microsecond and opens the next one behind it", () => {
    const entries = [
      { seq: 1, ts: "2026-05-04T06:00:00.000500Z" },
      { seq: 2, ts: "2026-05-04T06:00:01.000000Z" },
    ];
    const messages = [
      aMessage("2026-05-04T06:00:00.000500Z", { input: 7 }),
      aMessage("2026-05-04T06:00:00.000501Z", { input: 8 }),
      aMessage("2026-05-04T06:00:01Z", { input: 9 }),
      aMessage("2026-05-04T06:00:01.000001Z", { input: 100 }),
    ];
    const { usage, attributed } = alignTokens(entries, messages);
    expect(usage.get(1)?.input).toBe(7);
    expect(usage.get(2)?.input).toBe(17);
    expect(attributed).toBe(3);
  });

  it("takes the context size from the last message of the window, whatever the order of the lines", () => {
    const late = aMessage("2026-05-04T06:00:02Z", { input: 5, cache_read: 50, cache_create: 500, model: "b" });
    const early = aMessage("2026-05-04T06:00:01Z", { model: "a" });
    const { usage } = alignTokens([{ seq: 1, ts: "2026-05-04T07:00:00Z" }], [late, early]);
    expect(usage.get(1)).toMatchObject({ context_size_end: 555, models: ["a", "b"], n_messages: 2 });
  });

  it("says zero for a stage in whose time the agent was silent", () => {
    const { usage } = alignTokens([{ seq: 1, ts: "2026-05-04T06:00:00Z" }], [aMessage("2026-05-04T08:00:00Z")]);
    expect(usage.get(1)).toMatchObject({ n_messages: 0, context_size_end: 0, models: [] });
  });

  it("counts every message at most once, also where the clock of the log steps back", () => {
    const time = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(fc.array(time, { minLength: 1 }), fc.array(time), (ends, times) => {
        const entries = ends.map((end, index) => ({ seq: index + 1, ts: new Date(end).toISOString() }));
        const messages = times.map((one) => aMessage(one * 1000));
        const { usage, attributed } = alignTokens(entries, messages);
        const counted = [...usage.values()].reduce((total, { n_messages }) => total + n_messages, 0);
        expect(counted).toBe(attributed);
        expect(attributed).toBe(times.filter((one) => one <= Math.max(...ends)).length);
      }),
    );
  });

  it.each([
    ["2026-05-04T06:13:19Z", "2026-05-04T06:13:19.000000Z"],
    ["2026-05-04T06:13:19.5Z", "2026-05-04T06:13:19.500000+00:00"],
    ["2026-05-04T08:13:19.123456+02:00", "2026-05-04T06:13:19.123456Z"],
    ["2026-05-04T06:13:19.123456789Z", "2026-05-04T06:13:19.123456Z"],
  ])("reads %s and %s as one instant", (a, b) => {
    expect(at(a)).toBe(at(b));
    expect(Number.isInteger(at(a))).toBe(true);
  });

  it.each(["", "yesterday", "2026-05-04", "2026-05-04T06:13:19", "2026-13-04T06:13:19Z"])(
    "reads no time in %j",
    (text) => {
      expect(microsOf(text)).toBeUndefined();
    },
  );
});
