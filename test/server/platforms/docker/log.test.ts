import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { LogStream } from "../../../../server/platforms/docker/log.ts";

const stamp = (at: number) => `2026-11-21T09:00:00.${String(at).padStart(9, "0")}Z`;

/** What the daemon sends for these lines: each stamped, a longer one in stamped pieces of 16 KiB. */
function sent(lines: readonly { at: number; text: string }[]): Buffer {
  return Buffer.concat(
    lines.flatMap(({ at, text }) => {
      const pieces: string[] = [];
      let rest = text;
      while (rest.length > 16_384 || (rest.length === 16_384 && !rest.endsWith("\n"))) {
        pieces.push(rest.slice(0, 16_384));
        rest = rest.slice(16_384);
      }
      return [...pieces, rest].filter((piece) => piece !== "").map((piece) => Buffer.from(`${stamp(at)} ${piece}`));
    }),
  );
}

function chunks(data: Buffer, sizes: readonly number[]): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0, turn = 0; at < data.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    out.push(data.subarray(at, at + size));
    at += size;
  }
  return out;
}

const text = (parts: readonly Buffer[]) => Buffer.concat([...parts]).toString("utf8");

describe("the output of a container", () => {
  it("comes out without its time stamps, however it was cut on the way", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(5), length: fc.integer({ min: 0, max: 40_000 }) }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 }),
        (made, sizes) => {
          const lines = made
            .toSorted((a, b) => a.at - b.at)
            .map(({ at, length }) => ({
              at,
              text: `${"Epoch 3: 50%|#\r".repeat(length / 15 + 1).slice(0, length)}\n`,
            }));
          const stream = new LogStream(undefined);
          const out = chunks(sent(lines), sizes).flatMap((chunk) => stream.push(chunk));
          expect(text([...out, ...stream.end()])).toBe(lines.map((line) => line.text).join(""));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("goes on after a stop at any line without losing or doubling one, even when lines share their time", () => {
    const lines = [0, 1, 1, 1, 2, 2, 3].map((at, index) => ({ at, text: `line ${index}\n` }));
    for (let stop = 0; stop <= lines.length; stop++) {
      const first = new LogStream(undefined);
      const before = text(first.push(sent(lines.slice(0, stop))));
      const second = new LogStream(first.position);
      // The daemon sends again from the second of the last time on.
      const after = text(
        second.push(sent(lines.filter(({ at }) => at >= Number(first.position?.since.slice(20, 29) ?? 0)))),
      );
      expect(before + after).toBe(lines.map((line) => line.text).join(""));
    }
  });

  it("keeps a line back that is not whole, so that it is read again and not cut", () => {
    const stream = new LogStream(undefined);
    const data = sent([
      { at: 1, text: "one\n" },
      { at: 2, text: "two\n" },
    ]);
    expect(text(stream.push(data.subarray(0, data.length - 2)))).toBe("one\n");
    expect(stream.position).toEqual({ since: stamp(1), count: 1 });
  });

  it("gives the last words of a program that ended in the middle of a line", () => {
    const stream = new LogStream(undefined);
    expect(text([...stream.push(sent([{ at: 1, text: "half" }])), ...stream.end()])).toBe("half");
  });

  it("does not take the docker command's own complaint for a line of the container", () => {
    const stream = new LogStream(undefined);
    expect(text(stream.push(Buffer.from("Error response from daemon: can not get logs from container\n")))).toBe("");
  });
});
