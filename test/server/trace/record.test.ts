import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import { run as replay } from "../../../server/cli/replay.ts";
import { run as trace } from "../../../server/cli/trace.ts";
import { buildServer } from "../../../server/mcp/server.ts";
import { tapped } from "../../../server/mcp/tap.ts";
import type { Deps } from "../../../server/ports/call.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { startRecording } from "../../../server/trace/recorder.ts";
import { runCommand } from "../../support/command.ts";
import { cpuMs } from "../../support/cpu.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
const secret = "hf_abcdefghijklmnop";

/** A container platform that is ready, and whose training dies with a word on its way out. */
function dockerHost(): Executor {
  return {
    platform: "docker",
    engine: "TAO, somewhere",
    availability: async () => ({ available: true, detail: "Docker 29" }),
    makeReady: async () => ({ state: "ready", cleared: ["backbone"] }),
    async start(_, spec) {
      const dir = join(spec.log_path, "..");
      await mkdir(dir, { recursive: true });
      await appendFile(spec.log_path, `NGC_KEY=${secret} loading\nRuntimeError: CUDA out of memory\n`);
      await writeFile(join(dir, "model_epoch_000.pth"), Buffer.alloc(200_000, 7));
      return { container: "c0ffee" };
    },
    poll: async () => ({ state: "ended", exit: { outcome: "exited", exit_code: 1 } }),
    async cancel() {},
    async discard() {},
  };
}

async function recorded(
  platforms: Deps["executors"],
  story: (call: Call, workspace: string) => Promise<void>,
  log: (line: string) => void = () => undefined,
) {
  const home = await newFolder();
  const workspace = join(home, "boards");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  const deps: Deps = {
    clock: { now: () => new Date() },
    ids: { hex: (length) => "a".repeat(length) },
    env: { HOME: home, XDG_STATE_HOME: join(home, "state"), HF_TOKEN: secret },
    cwd: home,
    executors: platforms,
  };
  const dir = join(home, "trace");
  const options = { version: "0", toolsets: ["deft" as const], log };
  const recording = await startRecording(dir, deps, options);
  const [here, there] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  await Promise.all([buildServer(recording.deps, options).connect(tapped(there, recording.tap)), client.connect(here)]);
  await story(async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    return { ...(result.structuredContent as object), text: JSON.stringify(result.content) };
  }, workspace);
  await client.close();
  recording.tap.close();
  return { dir, text: await readFile(join(dir, "connection-1.jsonl"), "utf8") };
}

type Call = (name: string, args: Record<string, unknown>) => Promise<Record<string, unknown>>;

describe("recording", () => {
  it("a run on containers replays where there are none, and holds no secret and no directory", async () => {
    const { dir, text } = await recorded({ docker: async () => dockerHost() }, async (call, workspace) => {
      const asked = { platform: "docker", max_iterations: 1, kpi_target: "FAR < 1% at recall=100%", num_sdg: 0 };
      const { plan_id } = await call("preflight", { ...asked, workspace });
      const { run_dir } = await call("approve_plan", { plan_id });
      const step = await call("run_stage", { run: run_dir, wait_seconds: 20 });
      expect(step).toMatchObject({ outcome: "hard_stop", hard_stop: { code: "job.gpu-memory" } });
      await call("finish_loop", { run: run_dir });
    });
    expect(text).not.toContain(secret);
    expect(text).not.toContain(dir.replace(/\/trace$/, ""));
    expect(text).toContain("NGC_KEY=[redacted] loading");
    expect(text).toContain('"secrets":["HF_TOKEN"]');
    expect(text.length).toBeLessThan(100_000);
    const { code, stdout } = await runCommand(replay, [dir]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^same: 4 calls/)]);
  });

  it("replays a thousand calls within ten seconds", async () => {
    const { dir } = await recorded({}, async (call) => {
      for (let count = 0; count < 1000; count++) await call("next_seq", { run: "/nowhere" });
    });
    const started = cpuMs();
    const { code, stdout } = await runCommand(replay, [dir]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^same: 1000 calls/)]);
    expect(cpuMs() - started).toBeLessThan(10_000);
  });

  it("says it when a trace outgrows what it should keep to, once and at its end", async () => {
    const said: string[] = [];
    const long = { run: `/nowhere/${"x".repeat(1_600_000)}` };
    const story = async (call: Call) => {
      for (let count = 0; count < 13; count++) await call("next_seq", long);
    };
    const { dir, text } = await recorded({}, story, (line) => said.push(line));
    expect(said.filter((line) => line.includes("beyond 20 MB"))).toHaveLength(1);
    const end = JSON.parse(text.trim().split("\n").at(-1) ?? "");
    expect(end.over_budget_bytes).toBeGreaterThan(20_000_000);
    const { stdout } = await runCommand(trace, ["show", dir]);
    expect(stdout).toMatch(/\nsize {8}2\d\.\d\d MB, beyond the 20 MB that a trace should keep to\n$/);
  });

  it("writes every line at once: what is there when the server is killed replays", async () => {
    const { dir, text } = await recorded({}, async (call) => void (await call("next_seq", { run: "/nowhere" })));
    await writeFile(join(dir, "connection-1.jsonl"), text.split("\n").slice(0, -2).join("\n").concat("\n"));
    expect((await runCommand(replay, [dir])).code).toBe(2);
    expect((await runCommand(replay, [dir, "--partial"])).code).toBe(0);
  });
});
