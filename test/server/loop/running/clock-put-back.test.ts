import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readRun } from "../../../../server/journal/journal.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";
import { toolClient } from "../../../support/tool-client.ts";

const dayMs = 24 * 3600 * 1000;
let loop: TinyLoop;
/** How far the server's clock is ahead of the one that files get their times from. */
let aheadMs = 0;

beforeAll(async () => {
  loop = await tinyLoop("created");
});
afterAll(() => loop?.remove());

async function clientWith(during: () => void) {
  const deps = loop.deps({}, async (_spec, run) => {
    during();
    return await run();
  });
  return await toolClient({ ...deps, clock: { now: () => new Date(Date.now() + aheadMs) } });
}

describe("a clock that is put back by a day", () => {
  it("while jobs run: makes no new file look old, and breaks neither the log nor its chain", async () => {
    const client = await clientWith(() => {
      aheadMs = 0;
    });
    const stages = ["train", "evaluate", "rca", "routing"];
    for (const stage of stages) {
      aheadMs = dayMs;
      const step = await client.result("run_stage", { run: loop.runDir });
      expect(step).toMatchObject({ outcome: "committed", stage });
    }
    await client.close();
    const { entries, integrity } = await readRun(loop.runDir);
    expect(entries.map(({ stage }) => stage)).toEqual(stages);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    expect(Math.min(...entries.map(({ duration_sec }) => duration_sec))).toBe(1);
    expect(integrity).toEqual({ ok: true });
  });

  it("is told from files that really are older than the attempt", async () => {
    await loop.backTo("created");
    aheadMs = dayMs;
    const client = await clientWith(() => undefined);
    const step = await client.result("run_stage", { run: loop.runDir });
    await client.close();
    expect(step).toMatchObject({ outcome: "hard_stop", hard_stop: { code: "stage.evidence-missing" } });
  });
});
