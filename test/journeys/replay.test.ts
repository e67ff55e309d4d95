import { join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const traces = resolve("test/traces");
const newFolder = temporaryFolders();

describe("a trace whose jobs run again", () => {
  it("goes the same way within the tolerances", async () => {
    const done = runBuilt(["replay", join(traces, "good-run"), "--live", "embedded"], { home: await newFolder() });
    expect([done.exit, done.stdout]).toEqual([0, expect.stringMatching(/^same: 14 calls/)]);
  }, 120_000);

  it("differs where a job was killed from outside, and says so", async () => {
    const argv = ["replay", join(traces, "hard-stop"), "--live", "embedded", "--json"];
    const { exit, stdout } = runBuilt(argv, { home: await newFolder() });
    expect([exit, JSON.parse(stdout).differences[0]]).toMatchObject([
      1,
      { path: "outcome", expected: "hard_stop", actual: "committed" },
    ]);
  }, 60_000);
});
