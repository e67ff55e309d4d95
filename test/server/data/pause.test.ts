import { describe, expect, it } from "@jest/globals";
import { inTurns } from "../../../server/data/pause.ts";

/** Ends when a slice of work is over, however fast the machine is. */
function spendASlice(): void {
  const until = performance.now() + 15;
  while (performance.now() < until);
}

describe("work on many numbers in turns", () => {
  it("does each once and in order, and lets others have their turn meanwhile", async () => {
    const done: number[] = [];
    let doneBefore = -1;
    setImmediate(() => {
      doneBefore = done.length;
    });
    await inTurns(1000, (at) => {
      if (at === 0) spendASlice();
      done.push(at);
    });
    expect(done).toEqual(Array.from({ length: 1000 }, (_, at) => at));
    expect([doneBefore > 0, doneBefore < 1000]).toEqual([true, true]);
  });

  it("ends where its signal says so", async () => {
    const stop = new AbortController();
    let done = 0;
    const work = inTurns(
      1000,
      (at) => {
        if (at === 0) spendASlice();
        done++;
      },
      stop.signal,
    );
    stop.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    expect(done).toBeLessThan(1000);
  });
});
