import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Deps } from "../../server/ports/call.ts";
import { memoryClient } from "../support/memory-client.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../support/tiny-loop.ts";
import { toolClient } from "../support/tool-client.ts";

let loop: TinyLoop;
beforeAll(async () => {
  loop = await tinyLoop("created");
});
afterAll(() => loop.remove());

/** A server that was started outside of the workspace, by the user who approved the run or by another one. */
async function elsewhere(patch: Record<string, string> = {}): Promise<Deps> {
  const cwd = join(loop.home, "elsewhere");
  await mkdir(cwd, { recursive: true });
  const { DEFT_WORKSPACE: _none, ...env } = loop.deps().env;
  return { ...loop.deps(), cwd, env: { ...env, ...patch } };
}

const id = () => loop.runDir.split("/").at(-1) ?? "";

describe("a server that was started elsewhere", () => {
  const spellings: [string, () => Record<string, unknown>][] = [
    ["without any argument", () => ({})],
    ["by id", () => ({ run: id() })],
    ["by path", () => ({ run: loop.runDir })],
    ["by URI", () => ({ run: `deft://run/${id()}/state` })],
    ["by the workspace", () => ({ workspace: loop.workspace })],
    ["by id and workspace", () => ({ run: id(), workspace: loop.workspace })],
    ["by a path below the workspace", () => ({ run: `results/${id()}`, workspace: loop.workspace })],
    ["by the name that another tool returned it under", () => ({ run_dir: loop.runDir })],
  ];
  it.each(spellings)("finds the run %s", async (_how, args) => {
    const client = await toolClient(await elsewhere());
    for (const tool of ["loop_status", "next_seq"]) {
      expect(await client.call(tool, args())).toMatchObject({ ok: true, result: { run_dir: loop.runDir } });
    }
    for (const tool of ["acknowledge_stop", "cancel_stage"]) {
      expect(await client.call(tool, args())).toMatchObject({ ok: false, code: "stage.not-running" });
    }
    expect(await client.call("finish_loop", args())).toMatchObject({ code: "stage.out-of-order" });
    expect(await client.call("run_stage", { ...args(), iteration: "iter9" })).toMatchObject({
      code: "stage.out-of-order",
    });
    await client.close();
  });

  it.each(["run", "resume"])("plans for the run that `%s` names by id or path", async (name) => {
    const client = await toolClient(await elsewhere());
    for (const run of [id(), loop.runDir]) {
      const planned = await client.result("preflight", { [name]: run });
      expect(planned).toMatchObject({ plan_id: loop.planId, workspace: loop.workspace });
      expect(planned.next_call).toEqual({ tool: "run_stage", arguments: { run: loop.runDir } });
    }
    await client.close();
  });

  it("reads what a run's URI names, and lists the run", async () => {
    const client = await memoryClient(await elsewhere());
    const state = await client.readResource({ uri: `deft://run/${id()}/state` });
    expect(JSON.stringify(state)).toContain(loop.planId);
    expect(JSON.stringify(await client.readResource({ uri: "deft://runs" }))).toContain(loop.runDir);
    await client.close();
  });

  it("knows no run of another user", async () => {
    const other = await elsewhere({ HOME: join(loop.home, "other"), XDG_STATE_HOME: join(loop.home, "other-state") });
    const client = await toolClient(other);
    expect(await client.call("loop_status")).toMatchObject({ ok: false, code: "input.no-workspace" });
    expect(await client.call("loop_status", { run: id() })).toMatchObject({ ok: false, code: "input.no-workspace" });
    await client.close();
  });
});

describe("the run that was just approved", () => {
  it("is the one that the conversation goes on with, whatever else is unfinished", async () => {
    const planner = await toolClient(loop.deps());
    const planned = await planner.result("preflight", { ...tinyRequest, seed: 2 });
    const approved = await planner.result("approve_plan", { plan_id: planned.plan_id, words: "yes" });
    expect(planned.next_call).toEqual({ tool: "approve_plan", arguments: { plan_id: planned.plan_id } });
    expect(approved.next_call).toEqual({ tool: "run_stage", arguments: { run: approved.run_dir } });
    expect(await planner.result("loop_status")).toMatchObject({ run_dir: approved.run_dir });
    const stranger = await toolClient(loop.deps());
    const refused = await stranger.call("run_stage");
    expect(refused).toMatchObject({ ok: false, code: "input.run-ambiguous" });
    for (const run of [loop.runDir, String(approved.run_dir)]) {
      expect(refused.text).toContain(run);
      expect(await stranger.result("loop_status", { run })).toMatchObject({ run_dir: run });
    }
    await Promise.all([planner.close(), stranger.close()]);
  });
});
