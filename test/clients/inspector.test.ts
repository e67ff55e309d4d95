import { beforeAll, describe, expect, it } from "@jest/globals";
import { tools } from "../../tools/index.ts";
import { approvedRun, boardsIn, shortLoop } from "../support/board-run.ts";
import { folderOfFile } from "../support/folder.ts";
import { inspect } from "./official.ts";

const folder = folderOfFile();
let workspace: string;

beforeAll(async () => {
  workspace = await boardsIn(folder.path);
  await approvedRun(folder.path, workspace);
});

/** The result that the Inspector prints, which is one line, and its exit code. */
async function ask(method: string, ...flags: string[]) {
  const { exit, stdout, stderr } = await inspect(method, flags, folder.path, workspace);
  const lines = stdout.trim().split("\n");
  if (lines.length !== 1 || lines[0] === "") throw new Error(`${method} printed ${stdout}\n${stderr}`);
  return { exit, stderr, result: JSON.parse(String(lines[0])).result };
}

/**
 * Every tool once, in an order in which each has something to do: its arguments, and the code that refuses it where a
 * client that cannot ask, or a machine without OSMO, is refused.
 */
const calls: Record<string, [args: object, refusedWith?: RegExp]> = {
  preflight: [{ ...shortLoop, resume: "fresh" }],
  approve_plan: [{ plan_id: "000000000000" }, /^approval\.plan-unknown: /],
  loop_status: [{}],
  next_seq: [{}],
  validate_csv: [{ csv: "train/base/training_set.csv" }],
  cancel_stage: [{}, /^stage\.not-running: /],
  log_stage: [{ iteration: "baseline", stage: "evaluate", status: "ok" }, /^stage\.out-of-order: /],
  acknowledge_stop: [{}, /^stage\.not-running: /],
  run_stage: [{ wait_seconds: 50 }],
  render_report: [{}],
  finish_loop: [{}, /^stage\.out-of-order: /],
  submit_osmo: [{ flow: "setup_pretrained", dry_run: true, no_probe: true }],
  osmo_status: [{ run: "none-such" }, /^osmo\.[a-z-]+: /],
  osmo_cancel: [{ run: "none-such", reason: "a test" }, /^osmo\.[a-z-]+: /],
  osmo_outputs: [{ run: "none-such" }, /^osmo\.[a-z-]+: /],
  preferences: [{}],
};

describe("the MCP Inspector", () => {
  it("finds every tool portable", async () => {
    const { exit, stderr, result } = await ask("tools/list", "--strict");
    expect([exit, result.tools.length]).toEqual([0, tools.length]);
    // It says nothing where it has neither an error nor a warning.
    expect(stderr).not.toMatch(/error|warn/i);
  });

  it("finds the same in the era without a handshake", async () => {
    const { exit, result } = await ask("tools/list", "--protocol-era", "modern");
    expect([exit, result.tools.length, result.resultType ?? "complete"]).toEqual([0, tools.length, "complete"]);
  });

  it("has a call for every tool", () => {
    expect(Object.keys(calls).sort()).toEqual(tools.map(({ name }) => name).sort());
  });

  it.each(Object.entries(calls))(
    "calls %s",
    async (name, [args, refusedWith]) => {
      const { exit, result } = await ask("tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args));
      const [{ text }] = result.content;
      if (refusedWith === undefined) {
        expect([exit, text]).toEqual([0, JSON.stringify(result.structuredContent)]);
        return;
      }
      expect([exit, text]).toEqual([5, expect.stringMatching(refusedWith)]);
      expect(text).toContain("\nNext: ");
    },
    90_000,
  );

  it("reads every resource", async () => {
    const { result } = await ask("resources/list", "-q");
    const uris: string[] = result.resources.map(({ uri }: { uri: string }) => uri);
    expect(uris.filter((uri) => uri.startsWith("deft://run/"))).toHaveLength(3);
    for (const uri of uris) {
      const { exit, result: read } = await ask("resources/read", "--uri", uri, "-q");
      expect([uri, exit, read.contents[0].text.length > 0]).toEqual([uri, 0, true]);
    }
  });

  it("gets every prompt", async () => {
    const { result } = await ask("prompts/list", "-q");
    for (const { name } of result.prompts) {
      const { exit, result: prompt } = await ask("prompts/get", "--prompt-name", name, "-q");
      expect([exit, prompt.messages.length]).toEqual([0, 1]);
    }
    expect(result.prompts).toHaveLength(2);
  });
});
