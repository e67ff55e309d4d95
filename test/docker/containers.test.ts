import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Desk, docker, openDesk } from "./support/desk.ts";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
}, 120_000);
afterAll(() => desk.close());

const counter = (lines: number, ms: number) => [
  `let n = 0; const t = setInterval(() => { console.log("line " + ++n); if (n === ${lines}) clearInterval(t); }, ${ms});`,
];

describe("a job in a container", () => {
  it("runs to its end, its output is in the log, its times are the daemon's, and it is removed after collection", async () => {
    const program = await desk.program("count.mjs", counter(5, 10));
    const spec = desk.job("baseline-train-1-train", ["node", program]);
    const record = await desk.start(spec);
    const exit = await desk.end(record);
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(Date.parse(exit.ended_at ?? "")).toBeGreaterThanOrEqual(Date.parse(exit.started_at ?? ""));
    expect(await desk.log(spec)).toBe("line 1\nline 2\nline 3\nline 4\nline 5\n");
    await desk.executor.discard(desk.runDir, record);
    expect(await docker(desk.env, "ps", "-aq", "--filter", "label=deft-mcp.job=baseline-train-1-train")).toBe("");
  });
});
