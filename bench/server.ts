// How fast the server answers: start to first answer beside a bare SDK server, and small calls.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { aRun } from "../test/support/a-run.ts";
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

const bin = resolve("dist/deft-mcp.js");
const reference = "@modelcontextprotocol/server-everything/dist/index.js";

export async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-server-"));
  const peer = resolve(`.bench-bare-server-${process.pid}.mjs`);
  try {
    await writeFile(peer, bareServer);
    console.log("\nfrom spawn to the answer of initialize");
    const bare = await timed(() => firstAnswer([peer]));
    const ours = await timed(() => firstAnswer([bin, "serve"]));
    show("bare server on the same SDK and zod, unbundled", bare);
    show(`deft-mcp serve (${(ours.median / bare.median).toFixed(2)} of the bare server)`, ours);
    show("deft-mcp serve, server/discover of 2026-07-28", await timed(() => firstAnswer([bin, "serve"], discover)));
    show("deft-mcp serve, initialize and then tools/list", await timed(listAnswer));
    const everything = join(process.env.DEFT_TEST_CLIENTS ?? "", "node_modules", reference);
    if (existsSync(everything)) show("server-everything", await timed(() => firstAnswer([everything])));
    await calls(folder);
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

const claim = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const discover = { method: "server/discover", params: { _meta: claim } };

async function firstAnswer(
  args: readonly string[],
  first = { method: "initialize", params: hello as object },
): Promise<void> {
  const child = start(args);
  await ask(child, 1, first.method, first.params);
  child.kill("SIGKILL");
}

async function listAnswer(): Promise<void> {
  const child = start([bin, "serve"]);
  await ask(child, 1, "initialize", hello);
  await ask(child, 2, "tools/list", {});
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
