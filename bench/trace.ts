// What a recording weighs and costs, and how long its replay takes: node bench/run.mjs trace [WORKSPACE]. Needs a build.
// Without a workspace the generated tiny one is used; a given one is copied, without its results.
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { type CallToolResult, CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { generateWorkspace } from "../engine/workspace/generate.ts";

const bin = resolve("dist/deft-mcp.js");
const budget_bytes = 20_000_000;
const rounds = 3;

type Server = { call(name: string, args: object): Promise<Record<string, unknown>>; close(): Promise<void> };
type Spent = Map<string, number>;

export async function measure(): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "deft-bench-trace-")));
  try {
    const workspace = join(folder, "boards");
    const [given] = process.argv.slice(2);
    if (given === undefined) await generateWorkspace(workspace, { seed: 5, size: "tiny" });
    else await cp(given, workspace, { recursive: true, filter: (path) => basename(path) !== "results" });
    const bare = join(folder, "bare");
    await cp(workspace, bare, { recursive: true });
    await loops(folder, workspace, bare);
    await smallCalls(folder, workspace, bare);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A whole loop with a recording and one without, in turns, each on its own copy of the workspace. */
async function loops(folder: string, workspace: string, bare: string): Promise<void> {
  const recorded: Spent[] = [];
  const plain: Spent[] = [];
  for (let round = 0; round < rounds; round++) {
    await rm(join(folder, "loop"), { recursive: true, force: true });
    recorded.push(await loop(folder, workspace, join(folder, "loop")));
    plain.push(await loop(folder, bare));
  }
  console.log(`\na loop with --record beside one without, ${rounds} of each in turns, median of each tool's calls`);
  for (const tool of recorded[0]?.keys() ?? []) {
    const of = (all: readonly Spent[]) => middle(all.map((one) => one.get(tool) ?? Number.NaN));
    show(tool, of(recorded), of(plain));
  }
  const sums = [recorded, plain].map((all) => middle(all.map((one) => [...one.values()].reduce((a, b) => a + b, 0))));
  show("all calls", sums[0] ?? Number.NaN, sums[1] ?? Number.NaN);
  await weigh(join(folder, "loop"));
  await replay("its replay", join(folder, "loop"), workspace);
}

async function loop(home: string, workspace: string, record?: string): Promise<Spent> {
  const spent: Spent = new Map();
  const server = await connect(home, record, spent);
  const run = await approved(server, workspace);
  for (let at = ""; !at.startsWith("finish_loop"); ) {
    const step = await server.call("run_stage", { run, wait_seconds: 3000 });
    if (step.outcome === "hard_stop") throw new Error(String(step.status_line));
    at = String(step.next_action);
  }
  await server.call("finish_loop", { run });
  await server.close();
  return spent;
}

/** A thousand calls that only read a run, which is where a recording weighs most. */
async function smallCalls(folder: string, workspace: string, bare: string): Promise<void> {
  const record = join(folder, "thousand");
  const spent: [Spent, Spent] = [new Map(), new Map()];
  const servers = [await connect(folder, record, spent[0]), await connect(folder, undefined, spent[1])] as const;
  const runs = [await approved(servers[0], workspace), await approved(servers[1], bare)];
  for (let count = 0; count < 500; count++) {
    for (const [at, server] of servers.entries()) {
      for (const tool of ["loop_status", "next_seq"]) await server.call(tool, { run: runs[at] });
    }
  }
  for (const server of servers) await server.close();
  console.log("\n1,000 small calls with --record beside 1,000 without, in turns");
  for (const tool of ["loop_status", "next_seq"]) show(tool, spent[0].get(tool) ?? 0, spent[1].get(tool) ?? 0, 500);
  await weigh(record);
  await replay("their replay (limit 10 s)", record, workspace);
}

async function approved(server: Server, workspace: string): Promise<string> {
  const asked = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.1% at recall=100%", seed: 1 };
  const { plan_id } = await server.call("preflight", { ...asked, workspace, resume: "fresh" });
  const { run_dir } = await server.call("approve_plan", { plan_id });
  return String(run_dir);
}

async function connect(home: string, record: string | undefined, spent: Spent): Promise<Server> {
  const argv = [bin, "serve", ...(record === undefined ? [] : ["--record", record])];
  const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: join(home, "state") };
  const transport = new StdioClientTransport({ command: process.execPath, args: argv, env, cwd: home });
  const client = new Client({ name: "bench", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  await client.connect(transport);
  return {
    async call(name, args) {
      const started = performance.now();
      const request = { name, arguments: { ...args } };
      const options = { timeout: 3_600_000 };
      const result = (await client.callTool(request, CallToolResultSchema, options)) as CallToolResult;
      spent.set(name, (spent.get(name) ?? 0) + performance.now() - started);
      if (result.isError) throw new Error(JSON.stringify(result.content));
      return result.structuredContent ?? {};
    },
    close: () => client.close(),
  };
}

async function weigh(trace: string): Promise<void> {
  let bytes = 0;
  const kinds = new Map<string, number>();
  for (const name of await readdir(trace)) {
    bytes += (await stat(join(trace, name))).size;
    for (const line of (await readFile(join(trace, name), "utf8")).split("\n").slice(0, -1)) {
      const { kind } = JSON.parse(line) as { kind: string };
      kinds.set(kind, (kinds.get(kind) ?? 0) + Buffer.byteLength(line) + 1);
    }
  }
  const heavy = [...kinds].sort(([, a], [, b]) => b - a).slice(0, 4);
  const parts = heavy.map(([kind, size]) => `${kind} ${(size / 1000).toFixed(0)} kB`).join(", ");
  const share = ((bytes / budget_bytes) * 100).toFixed(1);
  console.log(`  trace: ${(bytes / 1000).toFixed(0)} kB, ${share} % of 20 MB (${parts})`);
}

/** Replays in a process of its own, from `node` to its exit. */
async function replay(what: string, trace: string, workspace: string): Promise<void> {
  const clean = `${workspace}-again`;
  await cp(workspace, clean, { recursive: true, filter: (path) => basename(path) !== "results" });
  const times: number[] = [];
  let calls = 0;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const argv = [bin, "replay", trace, "--workspace", clean, "--json"];
    const { stdout, status } = spawnSync(process.execPath, argv, { encoding: "utf8", maxBuffer: 1 << 28 });
    times.push(performance.now() - started);
    if (status !== 0) throw new Error(`the replay ended with ${status}: ${stdout.slice(0, 2000)}`);
    calls = (JSON.parse(stdout) as { calls: number }).calls;
  }
  await rm(clean, { recursive: true });
  const each = (middle(times) / calls).toFixed(1);
  console.log(`  ${what}: ${calls} calls in ${(middle(times) / 1000).toFixed(2)} s, ${each} ms a call`);
}

function show(what: string, recorded: number, plain: number, count = 1): void {
  const [one, other] = [recorded / count, plain / count].map((ms) => ms.toFixed(1).padStart(8));
  console.log(`  ${what.padEnd(14)} ${one} ms recorded, ${other} ms without: ${(recorded / plain).toFixed(2)}`);
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
