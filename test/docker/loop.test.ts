import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execa } from "execa";
import { contractImages, docker, dockerEnvironment, main, until } from "./support/desk.ts";

let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  env = dockerEnvironment();
  env = { ...env, ...(await contractImages(env)), AIR_GAPPED: "1", HF_TOKEN: "hf_NotForAnybody" };
  folder = await mkdtemp(join(tmpdir(), "deft-loop-"));
  env.XDG_STATE_HOME = join(folder, "state");
  await execa(process.execPath, [main, "init", join(folder, "boards"), "--example", "--tiny", "--seed", "1"]);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A copy of the boards with what the containers need beside them: a backbone and a generator checkpoint. */
async function workspace(name: string): Promise<string> {
  const place = join(folder, name);
  await cp(join(folder, "boards"), place, { recursive: true });
  const augmentation = join(place, "augmentation");
  const checkpoint = join(augmentation, "anomalygen", "checkpoints", "boards");
  await mkdir(join(checkpoint, "checkpoints", "model"), { recursive: true });
  await mkdir(join(augmentation, "backbone"), { recursive: true });
  await writeFile(join(augmentation, "backbone", "c_radio_v2_b.safetensors"), "weights of a test");
  await writeFile(join(checkpoint, "ag_config.yaml"), "job: {}\n");
  await writeFile(join(checkpoint, "checkpoints", "latest_checkpoint.txt"), "iter_000014000.pt\n");
  await writeFile(join(checkpoint, "checkpoints", "model", "iter_000014000.pt"), "weights of a test");
  return place;
}

type Figures = { run_dir: string; iterations: unknown[]; best: unknown; status: string; stop_reason: string };

async function demo(place: string, platform: string, more: NodeJS.ProcessEnv = {}): Promise<Figures> {
  const args = ["demo", "--workspace", place, "--platform", platform, "--max-iterations", "1", "--json"];
  const { stdout } = await execa(process.execPath, [main, ...args], { env: { ...env, ...more }, extendEnv: false });
  return JSON.parse(stdout);
}

/** A server over stdio whose process a test can kill. */
async function connect(variables: Record<string, string> = {}) {
  const known = Object.entries({ ...env, ...variables }).filter((one): one is [string, string] => one[1] !== undefined);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, "serve"],
    env: Object.fromEntries(known),
    stderr: "ignore",
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  const call = async (name: string, args: Record<string, unknown>) => {
    const answer = await client.callTool({ name, arguments: args }, undefined, { timeout: 300_000 });
    if (answer.isError) throw new Error(JSON.stringify(answer.content));
    return answer.structuredContent as Record<string, unknown>;
  };
  return { call, pid: () => transport.pid ?? 0, close: () => client.close() };
}

describe("the whole loop on containers", () => {
  let contained: Figures;

  it("gives the figures of the embedded engine, to the last digit, and names the images that gave them", async () => {
    const embedded = await demo(await workspace("embedded"), "embedded");
    const place = await workspace("docker");
    contained = await demo(place, "docker", { DEFT_RECORD: join(folder, "trace") });
    expect(contained).toMatchObject({ status: "complete", iterations: embedded.iterations, best: embedded.best });
    for (const iteration of ["baseline", "iter1"]) {
      const csv = (run: string) => readFile(join(run, iteration, "inference", "best_val", "inference.csv"), "utf8");
      expect(await csv(contained.run_dir)).toBe(await csv(embedded.run_dir));
    }
    const state = JSON.parse(await readFile(join(contained.run_dir, "deft_state.json"), "utf8"));
    expect(state.config.engine).toMatch(/^deft-mcp embedded engine .* \(contract images\)$/);
    expect(state.config.train_container).toBe(env.TAO_PYT_IMAGE);
    expect(state.plan.inputs.containers.tao_pyt.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await docker(env, "ps", "-aq", "--filter", `label=deft-mcp.run=${contained.run_dir}`)).toBe("");
    const records = (await readdir(join(contained.run_dir, "jobs"))).filter((name) => name.endsWith(".json"));
    for (const name of records) {
      expect(await readFile(join(contained.run_dir, "jobs", name), "utf8")).not.toContain("NotForAnybody");
    }
  });

  it("is audited by scoring again in a container, which finds a score that somebody changed", async () => {
    const audit = async () => {
      const argv = [main, "audit", contained.run_dir, "--json"];
      const { exitCode, stdout } = await execa(process.execPath, argv, { env, extendEnv: false, reject: false });
      return [exitCode, JSON.parse(stdout)];
    };
    expect(await audit()).toEqual([0, expect.objectContaining({ ok: true, findings: [] })]);
    const csv = join(contained.run_dir, "iter1", "inference", "best_val", "inference.csv");
    const text = await readFile(csv, "utf8");
    await writeFile(csv, text.replace(/0\.\d+/, "0.123456"));
    const [exit, found] = await audit();
    expect([exit, found.ok]).toEqual([1, false]);
    expect(JSON.stringify(found.findings)).toContain("inference.csv");
    await writeFile(csv, text);
  });

  it("was recorded, and the trace replays on a machine without Docker", async () => {
    const bare = { PATH: join(folder, "nowhere"), HOME: folder, DOCKER_HOST: `unix://${join(folder, "nowhere.sock")}` };
    const argv = [main, "replay", join(folder, "trace"), "--workspace", await workspace("replayed"), "--json"];
    const { stdout } = await execa(process.execPath, argv, { env: bare, extendEnv: false, reject: false });
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, same: true, differences: [] });
    const lines = (await readFile(join(folder, "trace", "connection-2.jsonl"), "utf8")).trim().split("\n");
    const starts = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === "job-start");
    expect(starts.map(({ platform }) => platform)).toEqual(Array(starts.length).fill("docker"));
    expect(starts.length).toBeGreaterThan(8);
  });

  it("goes on with a training whose server was killed, neither starting it again nor losing it", async () => {
    const place = await workspace("killed");
    const first = await connect();
    const request = { workspace: place, platform: "docker", max_iterations: 1, kpi_target: "FAR < 1% at recall=100%" };
    const plan = await first.call("preflight", { ...request, num_epochs: 4000 });
    await first.close();
    const second = await connect({ DEFT_APPROVE_PLAN: String(plan.plan_id) });
    const approved = await second.call("approve_plan", { plan_id: plan.plan_id });
    const runDir = String(approved.run_dir);
    const train = join(runDir, "baseline", "train");
    const cut = second.call("run_stage", { run: runDir, wait_seconds: 100 }).catch(() => "cut off");
    await until("an epoch", async () =>
      /loop in progress/.test(await readFile(join(train, "status.json"), "utf8").catch(() => "")),
    );
    process.kill(second.pid(), "SIGKILL");
    expect(await cut).toBe("cut off");
    const running = await docker(env, "ps", "-q", "--no-trunc", "--filter", `label=deft-mcp.run=${runDir}`);
    expect(running).toMatch(/^[0-9a-f]{64}$/);
    const third = await connect();
    let step = await third.call("run_stage", { run: runDir, wait_seconds: 100 });
    for (let tries = 0; step.outcome === "running" && tries < 3; tries++) {
      step = await third.call("run_stage", { run: runDir, wait_seconds: 100 });
    }
    expect(step).toMatchObject({ outcome: "committed", iteration: "baseline", stage: "train" });
    const record = JSON.parse(await readFile(join(runDir, "jobs", "baseline-train-1-train.json"), "utf8"));
    expect(record.handle.container_id).toBe(running);
    expect((await readdir(join(runDir, "jobs"))).filter((name) => name.endsWith(".attempt"))).toHaveLength(1);
    const status = await readFile(join(train, "status.json"), "utf8");
    expect(status.match(/Starting Visual ChangeNet train/g)).toHaveLength(1);
    expect((await readFile(join(train, "train.log"), "utf8")).match(/Execution status: PASS/g)).toHaveLength(1);
    await third.close();
  });
});
