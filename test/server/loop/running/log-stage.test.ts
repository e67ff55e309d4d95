import { cp, readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readRun } from "../../../../server/journal/journal.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";
import { toolClient } from "../../../support/tool-client.ts";

let loop: TinyLoop;
beforeAll(async () => {
  loop = await tinyLoop("baseline-evaluate");
});
afterAll(() => loop.remove());

/** What an evaluation by another program leaves: the same files, written now, and no job of the server. */
async function evaluateElsewhere(): Promise<void> {
  const evaluated = join(loop.home, "points", "baseline-evaluate");
  const inference = join(loop.runDir, "baseline", "inference");
  await cp(inference.replace(loop.home, evaluated), inference, { recursive: true });
}

describe("a stage that ran outside the server", () => {
  const stage = { iteration: "baseline", stage: "evaluate", status: "ok" };

  it("is committed with the figure that its scores give, and everybody is told that it did", async () => {
    await loop.backTo("baseline-evaluate");
    const { far_pct } = (await readRun(loop.runDir)).state.iterations.baseline ?? {};
    await loop.backTo("baseline-train");
    await evaluateElsewhere();
    const client = await toolClient(loop.deps());
    const done = await client.result("log_stage", { run: loop.runDir, ...stage });
    const told = "evaluate ran outside this server: its files are taken as they were found.";
    expect(done).toMatchObject({ next_action: "run_stage baseline rca" });
    expect(done.warnings).toContain(told);
    const { state } = await readRun(loop.runDir);
    expect(state.iterations.baseline).toMatchObject({ far_pct, adopted: ["evaluate"], warnings: [told] });
    expect(await client.result("render_report", { run: loop.runDir })).toMatchObject({});
    expect(await readFile(join(loop.runDir, "DEFT_Loop_Report.html"), "utf8")).toContain("ran outside: ");
    await client.close();
  });

  it("is said again with the final figure", async () => {
    await loop.backTo("baseline-train");
    await evaluateElsewhere();
    const client = await toolClient(loop.deps(), () => ({ action: "accept", content: { approve: true } }));
    await client.result("log_stage", { run: loop.runDir, ...stage });
    const done = await client.result("finish_loop", { run: loop.runDir, stop_reason: "cancelled" });
    expect(done.warnings).toContain("The figure of baseline rests on evaluate, which ran outside this server.");
    await client.close();
  });

  it("is refused where its files are older than the last commit", async () => {
    await loop.backTo("baseline-train");
    const evaluated = join(loop.home, "points", "baseline-evaluate");
    const inference = join(loop.runDir, "baseline", "inference");
    await cp(inference.replace(loop.home, evaluated), inference, { recursive: true });
    const old = new Date("2020-01-01");
    for (const name of await readdir(inference, { recursive: true })) await utimes(join(inference, name), old, old);
    const client = await toolClient(loop.deps());
    const answer = await client.call("log_stage", { run: loop.runDir, ...stage });
    expect(answer.ok && answer.result.hard_stop).toMatchObject({ code: "stage.evidence-missing" });
    await client.close();
  });
});
