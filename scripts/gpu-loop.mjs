// Drives a whole loop on this host's GPU with TAO from a Python environment, through the tools of the built server, and
// kills that server once in the middle of a training: `npm run build`, then
//   node scripts/gpu-loop.mjs --workspace DIR --venv DIR --out DIR [--epochs N] [--iterations N] [--no-kill]
// OUT gets the trace, a table of the stages, and the run's small files. references/platforms.md has the environment.
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const { values: given } = parseArgs({
  options: {
    workspace: { type: "string" },
    venv: { type: "string" },
    out: { type: "string" },
    epochs: { type: "string", default: "10" },
    iterations: { type: "string", default: "1" },
    kpi: { type: "string", default: "FAR < 1% at recall=100%" },
    bin: { type: "string", default: resolve(import.meta.dirname, "../dist/deft-mcp.js") },
    "no-kill": { type: "boolean", default: false },
  },
});
for (const name of ["workspace", "venv", "out"]) if (!given[name]) throw new Error(`--${name} DIR is required`);
const [workspace, venv, out, bin] = [given.workspace, given.venv, given.out, given.bin].map((path) => resolve(path));
await mkdir(out, { recursive: true });

/** Files of a run that are worth bringing home; checkpoints are not. */
const smallBytes = 2 << 20;
const began = Date.now();
const say = (text) => console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${text}`);

/** A client whose human says yes to everything; its server writes the trace. */
async function connect() {
  const env = { ...process.env, DEFT_RECORD: join(out, "trace"), XDG_STATE_HOME: join(out, "state") };
  const transport = new StdioClientTransport({ command: process.execPath, args: [bin, "serve"], env, cwd: workspace });
  const client = new Client({ name: "gpu-loop", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  await client.connect(transport);
  await client.listTools();
  const call = async (name, args) => {
    const options = { timeout: 900_000, onprogress: () => undefined };
    const result = await client.callTool({ name, arguments: args }, CallToolResultSchema, options);
    if (result.isError) throw new Error(`${name}: ${result.content[0].text}`);
    return result.structuredContent;
  };
  return { call, pid: transport.pid, close: () => client.close() };
}

/** Waits until the training is between two epochs, then takes the server's life and starts another. */
async function killInTraining(server, run) {
  for (;;) {
    const step = await server.call("run_stage", { run, wait_seconds: 2 });
    if (step.outcome !== "running") throw new Error(`the training ended before the kill: ${step.status_line}`);
    if (!/^epoch/.test(step.progress)) continue;
    say(`kill -9 of the server ${server.pid} while the training is at ${step.progress}`);
    process.kill(server.pid, "SIGKILL");
    await server.close().catch(() => undefined);
    const next = await connect();
    say(`a new server: ${(await next.call("loop_status", { run })).status_line}`);
    return next;
  }
}

async function drive(server, run, rows) {
  for (let since = Date.now(); ; ) {
    const step = await server.call("run_stage", { run, wait_seconds: 60 });
    if (step.outcome === "running") continue;
    const seconds = Math.round((Date.now() - since) / 1000);
    say(`${step.iteration} ${step.stage}: ${step.outcome}, ${step.summary ?? step.status_line}`);
    rows.push([
      step.iteration,
      step.stage,
      seconds,
      String(step.summary ?? step.status_line).replaceAll(`${run}/`, ""),
    ]);
    since = Date.now();
    if (step.outcome !== "committed") throw new Error(step.status_line);
    if (step.next_action.startsWith("finish_loop")) return;
  }
}

async function bringHome(run) {
  for (const entry of await readdir(run, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(path)).size > smallBytes) continue;
    await cp(path, join(out, "run", relative(run, path)));
  }
}

const set = ["--set", `venv=${venv}`];
const doctor = ["doctor", "--workspace", workspace, "--platform", "host", "--num-sdg", "0", ...set];
const checked = spawnSync(process.execPath, [bin, ...doctor], { encoding: "utf8" });
await writeFile(join(out, "doctor.txt"), checked.stdout + checked.stderr);
console.log(checked.stdout);

let server = await connect();
const planned = await server.call("preflight", {
  workspace,
  platform: "host",
  platform_settings: { venv },
  max_iterations: Number(given.iterations),
  kpi_target: given.kpi,
  num_epochs: Number(given.epochs),
  num_sdg: 0,
  seed: 1,
});
await writeFile(join(out, "plan.md"), planned.summary);
say(planned.status_line);
if (!planned.ok) throw new Error(JSON.stringify(planned.checks, undefined, 2));
const { run_dir: run } = await server.call("approve_plan", { plan_id: planned.plan_id });
const rows = [];
const trained = Date.now();
if (!given["no-kill"]) server = await killInTraining(server, run);
const before = Math.round((Date.now() - trained) / 1000);
try {
  await drive(server, run, rows);
  if (rows[0]) rows[0][2] += before;
  say((await server.call("finish_loop", { run })).status_line);
} finally {
  const lines = rows.map((row) => `| ${row.join(" | ")} |`);
  await writeFile(
    join(out, "stages.md"),
    ["| iteration | stage | wall s | what |", "|---|---|---|---|", ...lines, ""].join("\n"),
  );
  await bringHome(run);
  await server.close();
}
