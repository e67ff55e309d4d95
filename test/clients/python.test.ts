import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { tools } from "../../tools/index.ts";
import { boardsIn, shortLoop } from "../support/board-run.ts";
import { builtBin } from "../support/built-server.ts";
import { clientTable, type Feature, featuresSeen } from "../support/client-table.ts";
import { folderOfFile } from "../support/folder.ts";
import { python } from "./official.ts";

const folder = folderOfFile();
let home: string;
let server: { command: string; args: string[]; env: Record<string, string> };
let runs = 0;

beforeEach(async () => {
  runs += 1;
  home = join(folder.path, `home-${runs}`);
  const workspace = await boardsIn(home);
  const places = { HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CACHE_HOME: join(home, "cache") };
  const env = { ...places, DEFT_WORKSPACE: workspace, PATH: process.env.PATH ?? "" };
  server = { command: process.execPath, args: [builtBin, "serve"], env };
});

/** What a loop's first calls are, with what one told for the next. */
const calls = [
  ["preflight", { ...shortLoop, resume: "fresh" }],
  ["approve_plan", { plan_id: "$plan_id" }],
  ["loop_status", {}],
  ["run_stage", { wait_seconds: 50 }],
];

async function told(venv: string, script: string, ...args: string[]) {
  const { exit, stdout, stderr } = await python(
    venv,
    script,
    [...args, JSON.stringify(server), JSON.stringify(calls)],
    home,
  );
  if (exit !== 0) throw new Error(`${script} ended with ${exit}: ${stderr.slice(-3000)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** Holds what a client was seen to use against its row of the documents' table. */
function asInTable(answered: Record<string, unknown>, { era, seen }: { era: string; seen: readonly Feature[] }) {
  expect([answered.revision, featuresSeen(answered)]).toEqual([era, seen]);
}

const names = tools.map(({ name }) => name);
const isFine = { error: false, text: expect.stringMatching(/^\{"status_line":/) };
const allFine = { preflight: isFine, approve_plan: isFine, loop_status: isFine, run_stage: isFine };
const pages = {
  unread: [],
  resources: expect.arrayContaining(["deft://runs", "deft://reference/gates"]),
  prompts: ["run-deft-loop", "generate-defect-images"],
  prompt: expect.stringContaining("on platform docker"),
};

describe("the Python SDK", () => {
  it.each([
    ["auto", clientTable.sdkAuto],
    ["legacy", clientTable.sdkLegacy],
    ["2026-07-28", clientTable.sdkModern],
  ])(
    "in mode %s lists, calls, asks its human, hears progress, gives up, reads and completes",
    async (mode, row) => {
      const answered = await told("sdk", "sdk.py", mode);
      expect(answered).toMatchObject({
        tools: names,
        asked: [expect.stringContaining("FAR < 0.1%")],
        calls: allFine,
        ...pages,
        templates: 7,
        completed: ["embedded"],
        cancelled: true,
        after: true,
        missing: -32602,
      });
      asInTable(answered, row);
    },
    180_000,
  );
});

describe("FastMCP", () => {
  it("lists, calls, asks its human, hears progress, gives up, reads and completes", async () => {
    const answered = await told("fastmcp", "fast.py");
    expect(answered).toMatchObject({ tools: names, asked: [expect.stringContaining("FAR < 0.1%")], calls: allFine });
    expect(answered).toMatchObject({ ...pages, completed: ["embedded"], after: true });
    asInTable(answered, clientTable.fastmcp);
  });
});

describe("the OpenAI Agents SDK", () => {
  it("takes every tool as strict, calls one with all that a strict call holds, and reads prompts", async () => {
    const answered = await told("agents", "agents_sdk.py");
    expect(answered.tools).toEqual(names);
    expect([answered.strict, answered.lax]).toEqual([tools.length, []]);
    expect(answered).toMatchObject({ planned: expect.stringContaining("plan_id"), prompts: pages.prompts });
    expect(answered.flow).toContain("pretrained_model_sizes=2B");
    expect(answered).toMatchObject({ approved: expect.stringContaining("run_dir"), after: true });
    asInTable(answered, clientTable.agents);
  });
});

describe("LangChain's adapters", () => {
  it("turn every tool into one of theirs, call it, ask the human, and read resources and prompts", async () => {
    const answered = await told("langchain", "langchain_adapters.py");
    expect(answered).toMatchObject({ tools: names, asked: [expect.stringContaining("FAR < 0.1%")] });
    expect(answered.planned).toContain("plan_id");
    expect(answered).toMatchObject({ prompt: pages.prompt, read: expect.stringContaining("gate."), after: true });
    asInTable(answered, clientTable.langchain);
  });
});
