// Records the traces of test/traces anew, on the generated tiny workspace: `npm run build`, then run this.
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { execa } from "execa";

const bin = resolve(import.meta.dirname, "../dist/deft-mcp.js");
const traces = resolve(import.meta.dirname, "../test/traces");
const loop = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.1% at recall=100%", seed: 1 };

/** A client whose human says yes to everything. */
async function connect(home, record) {
  const env = { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, "state"), DEFT_RECORD: record };
  const transport = new StdioClientTransport({ command: process.execPath, args: [bin, "serve"], env, cwd: home });
  const client = new Client({ name: "recorder", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  await client.connect(transport);
  await client.listTools();
  const call = async (name, args) => {
    const options = { timeout: 300_000, onprogress: () => undefined };
    const result = await client.callTool({ name, arguments: args }, CallToolResultSchema, options);
    const said = result.isError ? result.content[0].text : result.structuredContent.status_line;
    console.log(`  ${name}: ${said.split("\n", 1)[0]}`);
    return result.structuredContent ?? {};
  };
  return { call, close: () => client.close() };
}

async function approved(server, workspace) {
  const { plan_id } = await server.call("preflight", { ...loop, workspace });
  const { run_dir } = await server.call("approve_plan", { plan_id });
  return run_dir;
}

async function drive(server, run, until = () => false) {
  for (;;) {
    const step = await server.call("run_stage", { run, wait_seconds: 60 });
    if (until(step) || step.outcome !== "committed" || step.next_action.startsWith("finish_loop")) return;
  }
}

async function goodRun(home, workspace, record) {
  const server = await connect(home, record);
  const run = await approved(server, workspace);
  await server.call("run_stage", { run, wait_seconds: 0 });
  await server.call("loop_status", { run });
  await drive(server, run);
  await server.call("finish_loop", { run });
  await server.close();
}

async function hardStop(home, workspace, record) {
  const first = await connect(home, record);
  const run = await approved(first, workspace);
  await first.call("run_stage", { run, wait_seconds: 0 });
  await killJob(run);
  await first.call("run_stage", { run, wait_seconds: 60 });
  await first.call("run_stage", { run });
  await first.call("acknowledge_stop", { run });
  await first.close();
  const second = await connect(home, record);
  await second.call("loop_status", { run });
  await drive(second, run, ({ stage }) => stage === "rca");
  await second.call("finish_loop", { run, stop_reason: "cancelled" });
  await second.close();
}

/** Kills the job once it has said something, so that every recording holds a log that is cut short. */
async function killJob(run) {
  for (;;) {
    const log = await readFile(join(run, "baseline/train/train.log"), "utf8").catch(() => "");
    const claim = (await readdir(join(run, "jobs"))).find((name) => name.endsWith(".claim"));
    const text = claim === undefined || log === "" ? "" : await readFile(join(run, "jobs", claim), "utf8");
    if (text !== "") return void process.kill(-JSON.parse(text).pid, "SIGKILL");
    await sleep(20);
  }
}

const wanted = process.argv.slice(2);
for (const [name, story] of Object.entries({ "good-run": goodRun, "hard-stop": hardStop })) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(name);
  const home = await mkdtemp(join(tmpdir(), "deft-record-"));
  const workspace = join(home, "boards");
  await execa(process.execPath, [bin, "init", workspace, "--example", "--tiny", "--seed", "5"]);
  await story(home, workspace, join(home, "trace"));
  await rm(join(traces, name), { recursive: true, force: true });
  await cp(join(home, "trace"), join(traces, name), { recursive: true });
  await rm(home, { recursive: true });
}
