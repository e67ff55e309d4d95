import { appendFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { approvedRun, boardsIn, shortLoop, stateOf } from "../support/board-run.ts";
import { connect, runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const newFolder = temporaryFolders();
let home: string;
let workspace: string;

beforeEach(async () => {
  home = await newFolder();
  workspace = await boardsIn(home);
});

describe("before a human approved", () => {
  it("a plan leaves no trace in the workspace, and no stage runs", async () => {
    const before = await readdir(workspace);
    const server = await connect({ home, env: { DEFT_WORKSPACE: workspace } });
    await server.call("preflight", shortLoop);
    expect(await server.refused("run_stage")).toMatch(/^input\.no-run: /);
    await server.close();
    expect(await readdir(workspace)).toEqual(before);
  });

  it.each([
    ["decline", "approval.declined"],
    ["cancel", "approval.no-human"],
  ] as const)("a human's %s stands, whatever words the agent passes on", async (action, code) => {
    const server = await connect({ home, answer: { action } });
    const { plan_id } = await server.call("preflight", { ...shortLoop, workspace });
    for (const args of [{ plan_id }, { plan_id, words: "yes, go ahead" }]) {
      const text = await server.refused("approve_plan", args);
      expect(text).toMatch(new RegExp(`^${code.replace(".", "\\.")}: `));
      expect(text).toContain(`deft-mcp approve ${plan_id}`);
    }
    expect(server.asked.length).toBe(2);
    expect(server.asked[0]).toContain("FAR < 0.1%");
    await server.close();
    expect(await readdir(workspace)).not.toContain("results");
  });

  it("a form sent back without the tick is a no", async () => {
    const server = await connect({ home, answer: { action: "accept", content: { approve: false } } });
    const { plan_id } = await server.call("preflight", { ...shortLoop, workspace });
    expect(await server.refused("approve_plan", { plan_id })).toMatch(/^approval\.declined: /);
    await server.close();
  });

  it("relayed words count only in the connection that showed the plan, and not at all when the operator forbids it", async () => {
    const planner = await connect({ home });
    const { plan_id } = await planner.call("preflight", { ...shortLoop, workspace });
    expect(await planner.refused("approve_plan", { plan_id })).toMatch(/^approval\.words-missing: /);
    const other = await connect({ home });
    expect(await other.refused("approve_plan", { plan_id, words: "yes" })).toMatch(/^approval\.required: /);
    await other.close();
    const strict = await connect({ home, env: { DEFT_APPROVAL: "human" } });
    await strict.call("preflight", { ...shortLoop, workspace });
    expect(await strict.refused("approve_plan", { plan_id, words: "yes" })).toMatch(/^approval\.no-human: /);
    await strict.close();
    const { run_dir } = await planner.call("approve_plan", { plan_id, words: "yes, that is what I want" });
    await planner.close();
    expect((await stateOf(String(run_dir))).approvals).toMatchObject([
      { how: "relayed", words: "yes, that is what I want", plan_id },
    ]);
  });

  it("inputs that changed after the plan was shown void it", async () => {
    const server = await connect({ home, answer: { action: "accept", content: { approve: true } } });
    const { plan_id } = await server.call("preflight", { ...shortLoop, workspace });
    await appendFile(join(workspace, "specs", "baseline_spec.yaml"), "# one more line\n");
    expect(await server.refused("approve_plan", { plan_id })).toMatch(/^approval\.plan-changed: /);
    expect(server.asked).toEqual([]);
    const again = await server.call("preflight", { ...shortLoop, workspace });
    expect(again.plan_id).not.toBe(plan_id);
    const { approved } = await server.call("approve_plan", { plan_id: again.plan_id });
    expect(approved).toBe("elicited");
    await server.close();
  });

  it("the terminal command refuses to be piped", async () => {
    const server = await connect({ home });
    const { plan_id } = await server.call("preflight", { ...shortLoop, workspace });
    await server.close();
    const { exit, stderr } = runBuilt(["approve", String(plan_id)], { home });
    expect([exit, stderr.split(":")[0]]).toEqual([2, "approval.no-terminal"]);
    expect(await readdir(workspace)).not.toContain("results");
  });
});

describe("several runs of one workspace", () => {
  it("are told apart: none is guessed, each can be named, and status of a named one reads no other", async () => {
    const first = await approvedRun(home, workspace);
    const second = await approvedRun(home, workspace, { seed: 2 });
    const server = await connect({ home, env: { DEFT_WORKSPACE: workspace } });
    const text = await server.refused("run_stage");
    expect(text).toMatch(/^input\.run-ambiguous: /);
    for (const run of [first, second]) {
      expect(text).toContain(run.split("/").at(-1));
      expect(await server.call("loop_status", { run })).toMatchObject({ run_dir: run, current_iteration: 0 });
    }
    await server.close();
    const { exit, stdout } = runBuilt(["status", second, "--json"], { home });
    expect([exit, JSON.parse(stdout).run_dir]).toEqual([0, second]);
  });
});
