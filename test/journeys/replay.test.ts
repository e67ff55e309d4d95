import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { unzipSync } from "fflate";
import { parse } from "yaml";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { builtBin, runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const traces = resolve("test/traces");
const newFolder = temporaryFolders();

it("the documented GitHub Actions job replays every trace of a checkout, and fails when one does not", async () => {
  const page = await readFile(resolve("references/replay.md"), "utf8");
  const { jobs } = parse(/```yaml\n(name: replay\n[\s\S]*?)```/.exec(page)?.[1] ?? "");
  const script = String(jobs.replay.steps.at(-1).run);
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  expect(script).toContain(`npx --yes deft-mcp@${version} replay`);
  const checkout = await newFolder();
  await generateWorkspace(join(checkout, "workspace"), { seed: 5, size: "tiny" });
  await cp(join(traces, "hard-stop"), join(checkout, "traces", "hard-stop"), { recursive: true });
  const here = script.replace(/npx --yes deft-mcp@\S+/, `${process.execPath} ${builtBin}`);
  const run = () => spawnSync("bash", ["-e", "-c", here], { cwd: checkout, encoding: "utf8" });
  expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining("same: 11 calls of 2 connections") });
  await mkdir(join(checkout, "traces", "an-empty-one"));
  expect(run()).toMatchObject({ status: 1, stdout: expect.stringContaining("== traces/hard-stop/\nsame") });
});

describe("a trace whose jobs run again", () => {
  it("goes the same way within the tolerances", async () => {
    const done = runBuilt(["replay", join(traces, "good-run"), "--live", "embedded"], { home: await newFolder() });
    expect([done.exit, done.stdout]).toEqual([0, expect.stringMatching(/^same: 14 calls/)]);
  });

  it("differs where a job was killed from outside, and says so", async () => {
    const argv = ["replay", join(traces, "hard-stop"), "--live", "embedded", "--json"];
    const { exit, stdout } = runBuilt(argv, { home: await newFolder() });
    expect([exit, JSON.parse(stdout).differences[0]]).toMatchObject([
      1,
      { path: "outcome", expected: "hard_stop", actual: "committed" },
    ]);
  });
});

it("a loop of real TAO 7.3 on an H100, its server killed in the first training, still goes the same way", async () => {
  const folder = resolve("test/fixtures/host-h100");
  const workspace = await newFolder();
  for (const [name, bytes] of Object.entries(unzipSync(await readFile(join(folder, "workspace.zip"))))) {
    await mkdir(join(workspace, dirname(name)), { recursive: true });
    await writeFile(join(workspace, name), bytes);
  }
  const argv = ["replay", join(folder, "trace"), "--workspace", workspace];
  const done = runBuilt(argv, { home: await newFolder() });
  expect([done.exit, done.stdout]).toEqual([0, expect.stringMatching(/^same: 31 calls of 2 connections/)]);
});
