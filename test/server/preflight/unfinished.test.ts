import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { findRuns } from "../../../server/preflight/unfinished.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { logLine, put } from "./support/boards.ts";

const folder = temporaryFolders();
const plan = { plan_id: "0123456789ab" };

async function runsWith(state: unknown, log = "") {
  const root = await folder();
  const runDir = join(root, "results/run_20261121_100000");
  await put(join(runDir, "deft_state.json"), typeof state === "string" ? state : JSON.stringify(state));
  await put(join(runDir, "loop_log.jsonl"), log);
  return findRuns(root);
}

describe("finding runs", () => {
  it("gives none for a workspace without results", async () => {
    expect(await findRuns(await folder())).toEqual([]);
  });

  it("shows where a run of ours stands, and skips a torn last line", async () => {
    const state = { version: 2, status: "in_progress", plan, current_iteration: 1, max_iterations: 3 };
    const [run] = await runsWith(state, `${logLine(1, "train")}\n${logLine(2, "evaluate").slice(0, 30)}`);
    expect(run).toMatchObject({
      run_id: "run_20261121_100000",
      kind: "ours",
      unfinished: true,
      current_iteration: 1,
      last_event: { seq: 1, stage: "train" },
    });
  });

  it.each([
    ["a hard stop still waits for a human", { status: "failed", hard_stop: { code: "stage.failed" } }, true],
    ["a hard stop that was closed is finished", { status: "failed", completed_at: "2026-11-21T10:00:00+00:00" }, false],
    ["a complete run is finished", { status: "complete", completed_at: "2026-11-21T10:00:00+00:00" }, false],
  ])("%s", async (_, part, unfinished) => {
    const [run] = await runsWith({ version: 2, plan, ...part });
    expect(run?.unfinished).toBe(unfinished);
  });

  it("shows another program's run of version 2 as adoptable", async () => {
    const [run] = await runsWith({ version: 2, current_iteration: 0, iterations: {} });
    expect(run).toMatchObject({ kind: "vendor_v2", unfinished: false, note: expect.stringContaining("adopt_run") });
  });

  it("shows version 4 read-only with the last of its events", async () => {
    const event = {
      seq: 7,
      ts: "2026-11-21T10:00:00+00:00",
      iter: "iter1",
      stage: "rca",
      status: "ok",
      summary: "RCA",
    };
    const [run] = await runsWith({ version: 4, status: "in_progress", events: [event] });
    expect(run).toMatchObject({ kind: "vendor_v4", unfinished: false, last_event: { seq: 7, stage: "rca" } });
  });

  it.each([
    ["a state that is no JSON", "{"],
    ["a state that is no object", "[]"],
    ["an unknown version", { version: 3 }],
  ])("lists %s as unreadable instead of hiding it", async (_, state) => {
    const [run] = await runsWith(state);
    expect(run).toMatchObject({ kind: "unreadable", unfinished: false });
    expect(run?.note).toBeDefined();
  });

  it("skips a directory without a state, because a crashed creation is no run", async () => {
    const root = await folder();
    await mkdir(join(root, "results/run_20261121_100000"), { recursive: true });
    expect(await findRuns(root)).toEqual([]);
  });
});
