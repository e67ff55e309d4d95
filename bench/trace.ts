// What a recording weighs and costs, and how long its replay takes: node bench/run.mjs trace [WORKSPACE]. Needs a build.
// Without a workspace the generated tiny one is used; a given one is copied, without its results.
// node bench/run.mjs trace ROWS [WIDTH] [FILES] [RULE]: one loop over a pool of so many rows more (as pool-loop makes it) without
// a recording, one with, and its replay, with the time and memory of each.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { type CallToolResult, CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { generateWorkspace } from "../engine/workspace/generate.ts";
import { phases } from "./memory.ts";
import { enlargePool } from "./pool-loop.ts";

const bin = resolve("dist/deft-mcp.js");
const budget_bytes = 20_000_000;
const rounds = 3;

type Server = { call(name: string, args: object): Promise<Record<string, unknown>>; close(): Promise<void> };
type Spent = Map<string, number>;

export async function measure(): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "deft-bench-trace-")));
  try {
    const workspace = join(folder, "boards");
    const [given, ...sizes] = process.argv.slice(2);
    if (Number(given) > 0) return await largePool(folder, workspace, Number(given), sizes);
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

async function largePool(folder: string, workspace: string, rows: number, sizes: readonly string[]): Promise<void> {
  const [width = 256, files = Math.min(rows, 10_000)] = sizes.slice(0, 2).map(Number);
  const more = { mining: sizes[2] ?? "pool_error", num_sdg: 0 };
  const phase = phases(folder);
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  const given = await enlargePool(workspace, rows, files, width);
  console.log(`\n${rows} pool rows more on ${files} image files, ${given}, rule ${more.mining}`);
  phase("making the workspace");
  const record = join(folder, "loop");
  for (const [name, ...trace] of [["without a recording"], ["recorded", record]] as const) {
    const home = join(folder, name);
    await mkdir(home);
    await loop(home, workspace, trace[0], more);
    await rm(join(workspace, "results"), { recursive: true });
    phase(name);
  }
  const env = { PATH: process.env.PATH ?? "", HOME: join(folder, "replayed") };
  const argv = [bin, "replay", record, "--workspace", workspace];
  const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "inherit", "inherit"] });
  const [status] = await once(child, "exit");
  phase(`replayed: exit ${status}`);
  await weigh(record);
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

async function loop(home: string, workspace: string, record?: string, more: object = {}): Promise<Spent> {
  const spent: Spent = new Map();
  const server = await connect(home, record, spent);
  const run = await approved(server, workspace, more);
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

async function approved(server: Server, workspace: string, more: object = {}): Promise<string> {
  const asked = { ...more, platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.1% at recall=100%", seed: 1 };
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
  for (const entry of await readdir(trace, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    bytes += size;
    if (entry.name.endsWith(".gz")) kinds.set("beside it", (kinds.get("beside it") ?? 0) + size);
    else
      for await (const line of createInterface(createReadStream(path))) {
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
