import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { saveAttempt } from "../../server/loop/running/attempts.ts";
import { aRun, testDeps } from "../support/a-run.ts";
import { engineHere } from "../support/engine-here.ts";
import { temporaryFolders } from "../support/folder.ts";
import { type ToolClient, toolClient } from "../support/tool-client.ts";

const newFolder = temporaryFolders();
let run: string;
let client: ToolClient;

beforeEach(async () => {
  run = await aRun(await newFolder());
  client = await toolClient(testDeps({ executors: { embedded: async () => engineHere() } }));
});
afterEach(() => client.close());

const codeOf = async (name: string, args: object = {}) => {
  const answer = await client.call(name, { run, ...args });
  return answer.ok ? "done" : answer.code;
};

describe("a call that comes at the wrong time", () => {
  it("logs no stage that the server has under way", async () => {
    const at = { iteration: "baseline", stage: "train", attempt: 1, platform: "embedded" };
    await saveAttempt(run, { ...at, started_at: "2026-11-21T10:00:00+00:00", stamp: "2026-11-21_100000", jobs: [] });
    const report = { iteration: "baseline", stage: "train", status: "ok" };
    expect(await codeOf("log_stage", report)).toBe("stage.already-running");
  });

  it.each(["cancel_stage", "acknowledge_stop"])("%s finds nothing to act on", async (name) => {
    expect(await codeOf(name, { words: "yes" })).toBe("stage.not-running");
  });
});
