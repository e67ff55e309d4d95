import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { keep } from "../../server/durable/keeper.ts";
import { readTrouble } from "../../server/durable/work.ts";
import { readinessStem, readReady } from "../../server/platforms/docker/readiness.ts";
import { preparation } from "../../server/platforms/docker/ready.ts";
import { kubernetesExecutor } from "../../server/platforms/kubernetes/executor.ts";
import { fixesAt } from "../../server/platforms/kubernetes/fixes.ts";
import type { PlatformFinding } from "../../server/ports/executor.ts";
import type { SettingValues } from "../../server/run/platform-settings.ts";
import { refusalOf } from "../support/refusal.ts";
import { type Desk, main, openDesk, quick, until } from "./support/desk.ts";
import { Kubelet } from "./support/kubelet.ts";

let node: Kubelet;
let desk: Desk;

beforeAll(async () => {
  node = await new Kubelet("preflight-node").start({ "nvidia.com/gpu": "2" });
});
afterAll(() => node.stop());
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  node.fate = () => "run";
  await desk.close();
});

const common = (): SettingValues => ({
  ...{ namespace: desk.namespace, claim: "boards", program: "tao", gpu_resource: "nvidia.com/gpu" },
  ...{ engine_bin: main, read_only_root: false, image: "registry.test/tao:1" },
});

async function inspect(change: SettingValues = {}, gpus = 1, env: NodeJS.ProcessEnv = desk.env) {
  const executor = kubernetesExecutor({ main, env });
  const seen = await executor.inspect?.({ ...common(), ...change }, { workspace: desk.workspace, gpus });
  if (seen === undefined) throw new Error("nothing was inspected");
  const halts = seen.findings.filter(({ outcome }) => outcome === "halt");
  return { ...seen, halts, of: (id: string) => seen.findings.find((one) => one.id === id) as PlatformFinding };
}

describe("what the preflight sees of the cluster", () => {
  it("is all well, names context and namespace, and makes nothing", async () => {
    const seen = await inspect();
    expect(seen.halts).toEqual([]);
    expect(seen.found).toEqual({ context: "test", namespace: desk.namespace });
    expect(seen.of("cluster").detail).toContain(`context test, namespace ${desk.namespace}`);
    expect(seen.of("volume").detail).toContain("claim boards, Bound, ReadWriteMany");
    expect(seen.of("gpus").detail).toContain("the largest has 2");
    expect([await desk.list("jobs"), await desk.list("pods"), await desk.list("secrets")]).toEqual([[], [], []]);
  });

  const rows: [string, SettingValues, number, object][] = [
    ["no such context", { context: "nowhere" }, 1, { id: "cluster", code: "executor.cluster-refused" }],
    ["no such claim", { claim: "absent" }, 1, { id: "volume", code: "executor.mount-missing" }],
    ["more GPUs than any node has", {}, 3, { id: "gpus", code: "executor.gpu-unavailable" }],
    ["no node of the selector", { node_selector: "gpu=none" }, 1, { id: "gpus", code: "executor.gpu-unavailable" }],
    [
      "another GPU resource",
      { gpu_resource: "nvidia.com/mig-1g" },
      1,
      { id: "gpus", code: "executor.gpu-unavailable" },
    ],
  ];
  it.each(rows)("halts: %s", async (_, change, gpus, halt) => {
    expect((await inspect(change, gpus)).halts).toEqual([expect.objectContaining(halt)]);
  });

  it("halts without a claim, without an image to rehearse with, and on a claim that is not bound", async () => {
    const { claim: _, image: __, ...bare } = common();
    const executor = kubernetesExecutor({ main, env: desk.env });
    const wish = { workspace: desk.workspace, gpus: 0 };
    const halts = async (settings: SettingValues) =>
      ((await executor.inspect?.(settings, wish))?.findings ?? []).filter(({ outcome }) => outcome === "halt");
    expect(await halts(bare)).toEqual([expect.objectContaining({ id: "volume" })]);
    expect(await halts({ ...bare, claim: "boards", program: "engine" })).toEqual([
      expect.objectContaining({ id: "image" }),
    ]);
    await desk.api.take("POST", `/api/v1/namespaces/${desk.namespace}/persistentvolumeclaims`, {
      metadata: { name: "unbound" },
      spec: { storageClassName: "", accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
    });
    expect((await inspect({ claim: "unbound" })).halts).toEqual([expect.objectContaining({ id: "volume" })]);
  });

  it("tells a quota that never holds a job from one that is used up", async () => {
    const quotas = `/api/v1/namespaces/${desk.namespace}/resourcequotas`;
    const hard = { "requests.nvidia.com/gpu": "1" };
    await desk.api.take("POST", quotas, { metadata: { name: "gpus" }, spec: { hard } });
    await until("the quota", async () => {
      const { status } = await desk.api.take<{ status: { used?: object } }>("GET", `${quotas}/gpus`);
      return status.used !== undefined;
    });
    expect((await inspect({}, 2)).halts).toEqual([expect.objectContaining({ id: "quota" })]);
    await desk.api.patch(`${quotas}/gpus/status`, { status: { used: { "requests.nvidia.com/gpu": "1" } } });
    const seen = await inspect({}, 1);
    expect(seen.halts).toEqual([]);
    expect(seen.of("quota").warnings?.join()).toContain("requests.nvidia.com/gpu 1 of 1 used");
  });

  it("says that the cluster is away, not taken, or that there is no kubectl", async () => {
    const line = (env: NodeJS.ProcessEnv) => kubernetesExecutor({ main, env }).availability({});
    expect(await line(desk.env)).toMatchObject({ available: true, detail: expect.stringMatching(/^Kubernetes v1\./) });
    const login = await desk.kubeconfig({ token: "of-nobody" });
    expect((await refusalOf(() => inspect({}, 1, { ...desk.env, KUBECONFIG: login }))).facts).toMatchObject({
      cause: "login",
    });
    expect(await line({ PATH: "/nowhere" })).toMatchObject({
      available: false,
      detail: "The kubectl command is not installed.",
    });
  });
});

describe("the least rights of references/kubernetes-rbac.yaml", () => {
  async function leastUser(): Promise<NodeJS.ProcessEnv> {
    const text = await readFile(join(process.cwd(), "references", "kubernetes-rbac.yaml"), "utf8");
    const own = text.replaceAll("namespace: deft\n", `namespace: ${desk.namespace}\n`);
    for (const document of parseAllDocuments(own)) {
      const object = document.toJS();
      const kind = `${String(object.kind).toLowerCase()}s`;
      const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${desk.namespace}/${kind}`;
      await desk.api.take("POST", path, object);
    }
    const as = `system:serviceaccount:${desk.namespace}:deft-mcp`;
    return { ...desk.env, KUBECONFIG: await desk.kubeconfig({ as }) };
  }

  it("are enough for the preflight and for a job with a secret, its cancel and its removal", async () => {
    const env = await leastUser();
    const seen = await inspect({}, 1, env);
    expect(seen.halts).toEqual([]);
    expect(seen.findings.flatMap(({ warnings = [] }) => warnings)).toEqual([]);
    const all = { ...env, HF_TOKEN: "hf_of_nobody_123" } as Record<string, string>;
    const executor = kubernetesExecutor({ main, env: all });
    const spec = desk.job("job", "exit 0", { env_names: ["HF_TOKEN"] });
    const record = await desk.record(spec);
    expect(await desk.keep(spec, all)).toMatchObject({ outcome: "exited", exit_code: 0 });
    await executor.discard?.(desk.runDir, record);
    await until("the Job to go", async () => (await desk.list("jobs")).length === 0);
    expect(await desk.list("secrets")).toEqual([]);
    node.fate = () => ({ exitCode: 2, log: "words of the pod\n" });
    const failing = desk.job("failing", "exit 0");
    await desk.record(failing);
    expect(await desk.keep(failing, all)).toMatchObject({ exit_code: 2 });
    expect(await desk.log(failing)).toBe("words of the pod\n");
  });

  it("are what a user without them lacks: the preflight halts, a job is refused", async () => {
    await leastUser();
    const as = `system:serviceaccount:${desk.namespace}:somebody`;
    const env = { ...desk.env, KUBECONFIG: await desk.kubeconfig({ as }) };
    expect((await inspect({}, 1, env)).halts).toEqual([expect.objectContaining({ id: "rights" })]);
    const spec = desk.job("job", "exit 0");
    await desk.record(spec);
    expect(await desk.keep(spec, env)).toBeUndefined();
    expect(await desk.trouble(spec)).toMatchObject({ code: "executor.cluster-refused", facts: { cause: "rights" } });
  });
});

describe("the probe after approval", () => {
  async function prepare() {
    const stem = readinessStem(desk.runDir);
    await writeFile(`${stem}.json`, JSON.stringify({ ...blank, state: "working" }));
    await keep(stem, preparation(fixesAt(quick).slice(0, 1)), desk.env);
    return await readTrouble(stem);
  }
  const blank = { message: "", cleared: [], network_mode: "airgap", images: {}, fetched: {} };
  beforeEach(async () => {
    await desk.close();
    desk = await openDesk({ settings: { program: "engine", engine_bin: main, image: "registry.test/deft:1" } });
  });

  it("fixes the image by its digest, once for all, and leaves no Job", async () => {
    expect(await prepare()).toBeUndefined();
    const { images } = await readReady(desk.runDir);
    const digest = `sha256:${"a".repeat(64)}`;
    expect(images.tao_pyt).toEqual({ uri: "registry.test/deft:1", id: `registry.test/image@${digest}`, digest });
    expect(images.tao_ds).toEqual(images.tao_pyt);
    await until("the Job to go", async () => (await desk.list("jobs")).length === 0);
  });

  it.each([
    ["a volume that is another", { exitCode: 0 }, "executor.mount-missing"],
    ["a run directory that it may not write to", { exitCode: 71 }, "executor.mount-missing"],
    ["a name that is no image", { waiting: { reason: "InvalidImageName", message: "no" } }, "executor.image-missing"],
  ])(
    "refuses %s",
    async (_, fate, code) => {
      node.fate = () => fate;
      expect((await prepare())?.code).toBe(code);
      await until("the Job to go", async () => (await desk.list("jobs")).length === 0);
    },
    120_000,
  );
});
