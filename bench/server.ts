// How fast the server answers: start to first answer beside a bare SDK server, small calls, and a commit beside one fsync.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { appendFile, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { checkIntegrity } from "../server/journal/integrity.ts";
import { commit, readRun, withRun } from "../server/journal/journal.ts";
import { runPaths } from "../server/run/paths.ts";
import { aRun, testDeps } from "../test/support/a-run.ts";
import { show, timed } from "./timing.ts";

const bareServer = `
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
const server = new Server({ name: "bare", version: "1" }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [{ name: "t", inputSchema: z.toJSONSchema(z.object({})) }] }));
await server.connect(new StdioServerTransport());
process.stdin.on("end", () => process.exit(0));
`;

export async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-server-"));
  const peer = resolve(`.bench-bare-server-${process.pid}.mjs`);
  try {
    await writeFile(peer, bareServer);
    console.log("\nfrom spawn to the answer of initialize");
    const bare = await timed(() => firstAnswer([peer]));
    const ours = await timed(() => firstAnswer([resolve("dist/deft-mcp.js"), "serve"]));
    show("bare server on the same SDK and zod, unbundled", bare);
    show(`deft-mcp serve (${(ours.median / bare.median).toFixed(2)} of the bare server)`, ours);
    await calls(folder);
    for (const entries of [10, 1000, 10_000]) await commits(folder, entries);
  } finally {
    await rm(peer, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...args], { stdio: ["pipe", "pipe", "pipe"] });
}

const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } };

async function ask(child: ChildProcessWithoutNullStreams, id: number, method: string, params: unknown): Promise<void> {
  const answered = new Promise((done) => child.stdout.once("data", done));
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
  await answered;
}

async function firstAnswer(args: readonly string[]): Promise<void> {
  const child = start(args);
  await ask(child, 1, "initialize", hello);
  child.kill("SIGKILL");
}

async function calls(folder: string): Promise<void> {
  const runDir = await aRun(join(folder, "calls"));
  const child = start([resolve("dist/deft-mcp.js"), "serve"]);
  await ask(child, 1, "initialize", hello);
  console.log("\none call of a running server over stdio");
  let id = 1;
  for (const name of ["next_seq", "loop_status"]) {
    const once = () => ask(child, ++id, "tools/call", { name, arguments: { run: runDir } });
    await once();
    const hundred = await timed(async () => {
      for (let count = 0; count < 100; count++) await once();
    });
    show(`${name}, a hundred times (${(hundred.median / 100).toFixed(2)} ms each)`, hundred);
  }
  child.kill("SIGKILL");
}

async function commits(folder: string, entries: number): Promise<void> {
  const runDir = await aRun(join(folder, `commits-${entries}`));
  const deps = testDeps();
  const entry = { iter: "baseline", stage: "train", status: "ok", summary: "s", duration_sec: 1 } as const;
  await withRun(runDir, async (run) => {
    let next = run;
    for (let count = 0; count < Math.min(entries, 10); count++) {
      await commit(next, next.state, entry, deps);
      next = { ...next, ...(await readRun(runDir)) };
    }
  });
  await lengthen(runDir, entries);
  console.log(`\na commit to a log of ${entries} entries`);
  const probe = join(folder, "probe");
  show("limit: append one line and fsync", await timed(() => synced(probe)));
  show(
    "commit: lock, check, state, line, state",
    await timed(() => withRun(runDir, (run) => commit(run, run.state, entry, deps).then(() => {}))),
  );
}

/** Brings a log to a length by having a human accept copies of its first line. */
async function lengthen(runDir: string, entries: number): Promise<void> {
  const { log } = runPaths(runDir);
  const [line = ""] = (await readFile(log, "utf8")).split("\n");
  const present = (await readRun(runDir)).entries.length;
  const first = JSON.parse(line) as Record<string, unknown>;
  let text = "";
  for (let seq = present + 1; seq <= entries; seq++) text += `${JSON.stringify({ ...first, seq })}\n`;
  await appendFile(log, text);
  const { commitAccepted } = await import("../server/journal/journal.ts");
  await withRun(runDir, (run) => commitAccepted(run, run.state), { allowTampered: true });
  const run = await readRun(runDir);
  if (!checkIntegrity(run.state, run.entries).ok) throw new Error("the lengthened run is not intact");
}

async function synced(path: string): Promise<void> {
  const file = await open(path, "a");
  await file.writeFile("x\n");
  await file.sync();
  await file.close();
}
