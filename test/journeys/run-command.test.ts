import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { listNames } from "../../server/fs/read.ts";
import { boardsIn, shortLoop, stateOf } from "../support/board-run.ts";
import { runBuilt, startBuilt } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const folder = folderOfFile();

describe("a loop that a person runs without an agent", () => {
  let workspace: string;
  const wish = ["--kpi", shortLoop.kpi_target, "--max-iterations", "1", "--seed", "1", "--json"];

  beforeAll(async () => {
    workspace = await boardsIn(folder.path);
  });

  it("is planned and not begun where nobody can be asked, and says what would approve it", () => {
    const unsaid = runBuilt(["run", "--workspace", workspace, "--json"], { home: folder.path });
    const { error } = JSON.parse(unsaid.stdout);
    expect([unsaid.exit, error.code, error.facts.missing.map((one: string) => one.split(":")[0])]).toEqual([
      2,
      "approval.plan-incomplete",
      ["--kpi", "--max-iterations"],
    ]);
    const { exit, stdout, stderr } = runBuilt(["run", "--workspace", workspace, ...wish], { home: folder.path });
    const { code, facts } = JSON.parse(stdout).error;
    expect([exit, code, facts.set]).toEqual([2, "approval.no-terminal", `DEFT_APPROVE_PLAN=${facts.plan_id}`]);
    expect(stderr).toContain(`# DEFT AOI plan ${facts.plan_id}`);
  });

  it("goes on after Ctrl-C with --resume, and its exit code says that the target was not met", async () => {
    const planned = runBuilt(["run", "--workspace", workspace, ...wish], { home: folder.path });
    const plan = String(JSON.parse(planned.stdout).error.facts.plan_id);
    const env = { DEFT_APPROVE_PLAN: plan, DEFT_RECORD: resolve(folder.path, "trace") };
    const begun = startBuilt(["run", "--workspace", workspace, ...wish], { home: folder.path, env });
    while (!/baseline +train/.test(begun.printed.stderr)) await sleep(50);
    begun.signal("SIGINT");
    const left = await begun.ended;
    // Its plan and approval were given to no server that records.
    expect([left.stderr.includes("Not recorded: "), await listNames(env.DEFT_RECORD)]).toEqual([true, []]);
    const run = resolve(folder.path, /deft-mcp run --resume (\S+)/.exec(left.stderr)?.[1] ?? "");
    expect([left.exit, (await stateOf(run)).status]).toEqual([130, "in_progress"]);
    const change = ["run", run, "--patience", "3", "--json"];
    const asked = JSON.parse(runBuilt(change, { home: folder.path }).stdout).error;
    expect([asked.code, asked.facts.plan_id === env.DEFT_APPROVE_PLAN]).toEqual(["approval.no-terminal", false]);
    const resumed = runBuilt(["run", "--resume", "--workspace", workspace, "--json"], { home: folder.path });
    const result = JSON.parse(resumed.stdout);
    expect([resumed.exit, result.run_dir, result.status, result.outcome]).toEqual([3, run, "complete", "gap"]);
    expect((await stateOf(run)).approvals).toMatchObject([{ how: "preauthorised" }]);
    const again = runBuilt(["run", run, "--json"], { home: folder.path });
    expect([again.exit, JSON.parse(again.stdout).iterations]).toEqual([3, result.iterations]);
    const ended = runBuilt(["run", run, "--max-iterations", "2", "--json"], { home: folder.path });
    expect([ended.exit, JSON.parse(ended.stdout).error.code]).toEqual([2, "state.finished"]);
    const none = runBuilt(["run", "--resume", "--workspace", workspace], { home: folder.path });
    expect([none.exit, none.stderr]).toEqual([2, expect.stringMatching(/^input\.no-run: /)]);
  });
});
