import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { approvedRun, boardsIn, killRunningJob } from "../support/board-run.ts";
import { builtBin } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const opened: Client[] = [];
let run: string;

// Before the folder is removed, which the next line asks for: the training may still write into it, or be over by now.
afterAll(async () => {
  for (const client of opened) await client.close();
  await killRunningJob(run).catch(({ code }) => expect(code).toBe("ESRCH"));
});
const folder = folderOfFile();

beforeAll(async () => {
  // Long enough that every test below finds the same training at work.
  run = await approvedRun(folder.path, await boardsIn(folder.path), { num_epochs: 9999 });
});

const env = () => ({ PATH: process.env.PATH ?? "", HOME: folder.path, XDG_STATE_HOME: join(folder.path, "state") });
const stage = (wait_seconds: number) => ({ name: "run_stage", arguments: { run, wait_seconds } });

async function client(): Promise<Client> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [builtBin, "serve"],
    env: env(),
    stderr: "ignore",
  });
  const made = new Client({ name: "journey", version: "1" }, { capabilities: {} });
  await made.connect(transport);
  opened.push(made);
  return made;
}

/** The process id of the training, which must be one and the same all through. */
async function training(): Promise<{ pid: number; attempts: number }> {
  const names = await readdir(join(run, "jobs"));
  const claim = names.find((name) => name.endsWith(".claim")) ?? "";
  const { pid } = JSON.parse(await readFile(join(run, "jobs", claim), "utf8"));
  process.kill(pid, 0);
  return { pid, attempts: names.filter((name) => name.endsWith(".attempt")).length };
}

type Raw = { child: ChildProcessWithoutNullStreams; lines: string[]; say(message: object | string): void };

/** A server process without a client library in between. */
function raw(): Raw {
  const child = spawn(process.execPath, [builtBin, "serve"], { env: env(), cwd: folder.path });
  const lines: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  // A server that is gone breaks the pipe; the tests look at its exit.
  child.stdin.on("error", () => undefined);
  const say = (message: object | string) => {
    child.stdin.write(`${typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  };
  return { child, lines, say };
}

async function heard({ lines }: Raw, id: number): Promise<Record<string, unknown>> {
  for (;;) {
    const found = lines.map((line) => JSON.parse(line)).find((message) => message.id === id);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function greeted(protocolVersion: string): Promise<Raw> {
  const server = raw();
  const clientInfo = { name: "raw", version: "1" };
  server.say({ id: 1, method: "initialize", params: { protocolVersion, capabilities: {}, clientInfo } });
  expect(await heard(server, 1)).toMatchObject({ result: { protocolVersion } });
  server.say({ method: "notifications/initialized" });
  return server;
}

const gone = ({ child }: Raw) => new Promise<number | null>((resolve) => child.once("exit", resolve));

describe("while a training goes on", () => {
  it("a waiting client hears progress that only grows", async () => {
    const one = await client();
    let heardProgress: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void heardProgress.push(progress);
    // A wait during which a busy machine says it once shows nothing yet.
    while (heardProgress.length < 2) {
      heardProgress = [];
      const { structuredContent } = await one.callTool(stage(5), CallToolResultSchema, { onprogress });
      expect(structuredContent).toMatchObject({ outcome: "running", next_action: "run_stage baseline train" });
    }
    expect(heardProgress).toEqual([...new Set(heardProgress)].sort((a, b) => a - b));
    expect(await training()).toMatchObject({ attempts: 1 });
  });

  it("a client that gives up, or takes its call back, ends the wait alone; the next call goes on", async () => {
    const before = await training();
    const one = await client();
    await expect(one.callTool(stage(50), CallToolResultSchema, { timeout: 200 })).rejects.toThrow("timed out");
    const signal = AbortSignal.timeout(200);
    await expect(one.callTool(stage(50), CallToolResultSchema, { signal })).rejects.toThrow();
    const { structuredContent } = await one.callTool(stage(0));
    expect(structuredContent).toMatchObject({ outcome: "running" });
    expect(await training()).toEqual(before);
  });

  it("two clients follow one job", async () => {
    const before = await training();
    const both = await Promise.all([client(), client()]);
    const results = await Promise.all(both.map((one) => one.callTool(stage(1))));
    for (const { structuredContent } of results) expect(structuredContent).toMatchObject({ outcome: "running" });
    expect(await training()).toEqual(before);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "the end of stdin"] as const)(
    "%s ends the server at once and no job",
    async (how) => {
      const before = await training();
      const server = await greeted("2025-11-25");
      server.say({ id: 2, method: "tools/call", params: stage(50) });
      server.say({ id: 3, method: "ping" });
      await heard(server, 3);
      const began = Date.now();
      const exit = gone(server);
      if (how === "the end of stdin") server.child.stdin.end();
      else server.child.kill(how);
      expect(await exit).toBe(0);
      expect(Date.now() - began).toBeLessThan(30_000);
      expect(await training()).toEqual(before);
    },
  );

  it("a line beyond every limit ends the connection and touches nothing", async () => {
    const before = await training();
    const server = await greeted("2025-11-25");
    const exit = gone(server);
    server.say("x".repeat(11 << 20));
    expect(await exit).toBe(0);
    expect(await training()).toEqual(before);
  });
});

describe("a client of an older protocol", () => {
  it.each(["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18"])(
    "is answered in %s, and its calls in text",
    async (version) => {
      const server = await greeted(version);
      server.say({ id: 2, method: "tools/call", params: { name: "loop_status", arguments: { run } } });
      const { result } = (await heard(server, 2)) as { result: { content: { type: string; text: string }[] } };
      expect(JSON.parse(result.content[0]?.text ?? "")).toMatchObject({ run_dir: run, status: "in_progress" });
      const words = "x".repeat(1 << 20);
      server.say({ id: 3, method: "tools/call", params: { name: "approve_plan", arguments: { plan_id: "p", words } } });
      const refused = (await heard(server, 3)) as { result: { isError: boolean; content: { text: string }[] } };
      expect([refused.result.isError, refused.result.content[0]?.text]).toEqual([
        true,
        expect.stringMatching(/^input\.invalid: /),
      ]);
      server.child.stdin.end();
      expect(await gone(server)).toBe(0);
      for (const line of server.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
    },
  );
});
