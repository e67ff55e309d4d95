import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { Api } from "./support/cluster.ts";
import { clusterEnvironment, main, openNamespace } from "./support/desk.ts";
import { Kubelet } from "./support/kubelet.ts";

let node: Kubelet;
let api: Api;
let namespace: string;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  api = new Api();
  node = await new Kubelet("loop-node").start();
  namespace = await openNamespace(api);
  folder = await mkdtemp(join(tmpdir(), "deft-kube-loop-"));
  env = clusterEnvironment({
    XDG_STATE_HOME: join(folder, "state"),
    AIR_GAPPED: "1",
    HF_TOKEN: "hf_NotForAnybody",
    DEFT_KUBERNETES_CLAIM: "boards",
  });
  await execa(process.execPath, [main, "init", join(folder, "boards"), "--example", "--tiny", "--seed", "1"]);
});
afterAll(async () => {
  await node.stop();
  api.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

async function workspace(name: string): Promise<string> {
  await cp(join(folder, "boards"), join(folder, name), { recursive: true });
  return join(folder, name);
}

type Figures = { run_dir: string; iterations: unknown[]; best: unknown; status: string };

async function demo(place: string, platform: string, set: Record<string, string> = {}, more = {}): Promise<Figures> {
  const settings = Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["demo", "--workspace", place, "--platform", platform, "--max-iterations", "1", "--json", ...settings];
  const { stdout } = await execa(process.execPath, [main, ...args], { env: { ...env, ...more }, extendEnv: false });
  return JSON.parse(stdout);
}

describe("the whole loop as Jobs", () => {
  it("gives the figures of the embedded engine, to the last digit, and leaves nothing on the cluster", async () => {
    const embedded = await demo(await workspace("embedded"), "embedded");
    const rehearsal = { program: "engine", engine_bin: main, image: "registry.test/deft:1", namespace };
    const trace = join(folder, "trace");
    const run = await demo(await workspace("kubernetes"), "kubernetes", rehearsal, { DEFT_RECORD: trace });
    expect(run).toMatchObject({ status: "complete", iterations: embedded.iterations, best: embedded.best });
    for (const iteration of ["baseline", "iter1"]) {
      const csv = (of: string) => readFile(join(of, iteration, "inference", "best_val", "inference.csv"), "utf8");
      expect(await csv(run.run_dir)).toBe(await csv(embedded.run_dir));
    }
    const state = JSON.parse(await readFile(join(run.run_dir, "deft_state.json"), "utf8"));
    expect(state.config.engine).toMatch(/^deft-mcp embedded engine .* \(a rehearsal of kubernetes\)$/);
    expect(state.plan.platform_settings).toMatchObject({
      context: { value: "test", source: "found" },
      namespace: { value: namespace, source: "user" },
      claim: { value: "boards", source: "environment" },
    });
    const jobs = await api.take<{ items: unknown[] }>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs`);
    expect(jobs.items).toEqual([]);
    for (const name of await readdir(join(run.run_dir, "jobs"))) {
      const text = await readFile(join(run.run_dir, "jobs", name), "utf8").catch(() => "");
      expect(text).not.toContain("NotForAnybody");
    }
  });

  it("was recorded, and the trace replays on a machine without kubectl", async () => {
    const bare = { PATH: join(folder, "nowhere"), HOME: folder };
    const argv = [main, "replay", join(folder, "trace"), "--workspace", await workspace("replayed"), "--json"];
    const { stdout } = await execa(process.execPath, argv, { env: bare, extendEnv: false, reject: false });
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, same: true, differences: [] });
  });
});
