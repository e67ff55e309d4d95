import { describe, expect, it, jest } from "@jest/globals";
import { progressSender } from "../../../server/mcp/progress.ts";

/** What a client hears of calls to `progress`, each more than a second after the one before. */
function heard(told: readonly (readonly [message: string, fraction?: number])[]) {
  const sent: unknown[] = [];
  let now = 0;
  const clock = jest.spyOn(performance, "now").mockImplementation(() => (now += 2000));
  const send = progressSender("t", async ({ params }) => void sent.push(params), String);
  for (const one of told) send(...one);
  clock.mockRestore();
  return sent as { progress: number; total?: number; message: string }[];
}

describe("progress that a client hears", () => {
  it("is in percent where its end is known", () => {
    expect(heard([["a step", 0.25]])).toEqual([{ progressToken: "t", progress: 25, total: 100, message: "a step" }]);
  });

  it("always grows, though the next job begins at nothing", () => {
    const steps = heard([["one", 0.5], ["two", 0], ["between"], ["two", 0.75], ["two", 1], ["three", 1]]);
    const reached = steps.map(({ progress }) => progress);
    expect(reached).toEqual([...new Set(reached)].sort((a, b) => a - b));
    expect(reached.slice(0, 4)).toEqual([50, 50.01, 50.02, 75]);
    expect(steps.map(({ total }) => total)).toEqual([100, 100, undefined, 100, 100, 100.01]);
  });
});
