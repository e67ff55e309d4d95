import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { builtBin, runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const newFolder = temporaryFolders();
let server: ChildProcess | undefined;
afterEach(() => void server?.kill("SIGKILL"));

async function serve(home: string, record: string): Promise<string> {
  const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: join(home, "state") };
  server = spawn(process.execPath, [builtBin, "serve", "--http", "0", "--record", record], { cwd: home, env });
  let said = "";
  for await (const piece of server.stderr ?? []) {
    said += piece;
    const url = /http:\S+/.exec(said)?.[0];
    if (url !== undefined) return url;
  }
  throw new Error(`no address: ${said}`);
}

async function meet(url: string) {
  const client = new Client({ name: "t", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
  const call = async (name: string, args: Record<string, unknown>) => {
    const { structuredContent, content } = await client.callTool({ name, arguments: args });
    if (structuredContent === undefined) throw new Error(JSON.stringify(content));
    return structuredContent as Record<string, string>;
  };
  return { call, close: () => client.close() };
}

it("several clients of one server over HTTP are recorded by turns, and the trace replays, with real jobs too", async () => {
  const home = await newFolder();
  const workspace = join(home, "boards");
  const record = join(home, "trace");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  const url = await serve(home, record);
  const [one, other] = [await meet(url), await meet(url)];
  const asked = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 1% at recall=100%", workspace };
  const { plan_id } = await one.call("preflight", asked);
  const { run_dir: run = "" } = await one.call("approve_plan", { plan_id });
  const training = one.call("run_stage", { run, wait_seconds: 60 });
  while (!(await readdir(join(run, "jobs"))).some((name) => name.endsWith(".claim"))) await sleep(20);
  expect(await other.call("loop_status", { run })).toMatchObject({ next_action: expect.stringContaining("run_stage") });
  expect(await other.call("next_seq", { run })).toMatchObject({ next_seq: 1 });
  expect(await training).toMatchObject({ outcome: "committed", stage: "train" });
  expect(await other.call("run_stage", { run, wait_seconds: 60 })).toMatchObject({ stage: "evaluate" });
  await one.call("loop_status", { run });
  await other.call("finish_loop", { run, stop_reason: "cancelled" });
  await Promise.all([one.close(), other.close()]);
  server?.kill("SIGTERM");
  if (server !== undefined) await once(server, "exit");

  expect((await readdir(record)).sort()).toEqual(["connection-1.jsonl", "connection-2.jsonl"]);
  const heads = await Promise.all([1, 2].map((number) => readFile(join(record, `connection-${number}.jsonl`), "utf8")));
  for (const text of heads) expect(JSON.parse(text.split("\n")[0] ?? "")).toMatchObject({ group: 1 });
  const { exit, stdout } = runBuilt(["replay", record], { home });
  expect([exit, stdout]).toEqual([0, expect.stringMatching(/^same: 8 calls of 2 connections/)]);
  const live = runBuilt(["replay", record, "--live", "embedded"], { home });
  expect([live.exit, live.stdout]).toEqual([0, expect.stringMatching(/^same: 8 calls of 2 connections/)]);
});
