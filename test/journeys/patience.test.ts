import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { logOf, stateOf } from "../support/board-run.ts";
import { type TinyLoop, tinyLoop } from "../support/tiny-loop.ts";
import { toolClient } from "../support/tool-client.ts";

let loop: TinyLoop;
const at = "iter1-evaluate";

/** One row a round changes next to nothing. */
beforeAll(async () => {
  loop = await tinyLoop(at, { max_iterations: 3, patience: 1, rows_per_iteration: 1, mined_pass_pct: 100, num_sdg: 0 });
});
afterAll(() => loop.remove());

describe("a plan with patience", () => {
  it("shows what it bears, and mines no more rows than it names", async () => {
    const client = await toolClient(loop.deps());
    const { summary } = await client.result("preflight", loop.request);
    expect(summary).toContain("| Idle iterations in a row that end the loop | 1 | user |");
    expect(summary).toContain("| PASS rows among those mined (%, rule pool_error) | 100 | user |");
    expect(summary).toContain("or 1 iteration in a row changed FAR by no more than chance");
    const mined = (await logOf(loop.runDir)).find(({ stage }) => stage === "data_mining");
    expect(mined?.summary).toContain("mined=1 source images");
    expect((await stateOf(loop.runDir)).iterations.iter1.ledger).toMatchObject({ mined: 1, mined_pass: 1 });
  });

  it("warns where the mining rule does not look at what it names", async () => {
    const client = await toolClient(loop.deps());
    const { summary } = await client.result("preflight", { ...loop.request, mining: "vendor" });
    expect(summary).toContain("rows_per_iteration and mined_pass_pct change nothing under the mining rule vendor.");
  });

  it("ends with the first idle iteration, whose figure is scored again", async () => {
    await loop.backTo(at);
    const client = await toolClient(loop.deps());
    const { next_action } = await client.result("loop_status", { run: loop.runDir });
    expect(next_action).toBe("finish_loop (no_gain)");
    const done = await client.result("finish_loop", { run: loop.runDir });
    expect(done).toMatchObject({ stop_reason: "no_gain", status_line: expect.stringContaining("reproduced") });
  });

  it("goes on where a human revises it, and not where the revision leaves the patience", async () => {
    await loop.backTo(at);
    const client = await toolClient(loop.deps());
    const refused = await client.call("preflight", { run: loop.runDir, num_epochs: 3 });
    expect(refused).toMatchObject({ code: "approval.no-effect" });
    const { plan_id } = await client.result("preflight", { run: loop.runDir, patience: 0 });
    const approved = await client.result("approve_plan", { plan_id, words: "yes" });
    expect(approved).toMatchObject({ next_action: "run_stage iter1 rca" });
  });
});
