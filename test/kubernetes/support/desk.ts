import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { keep } from "../../../server/durable/keeper.ts";
import { jobStem, readExit, readTrouble } from "../../../server/durable/work.ts";
import { kubernetesExecutor } from "../../../server/platforms/kubernetes/executor.ts";
import { jobWork } from "../../../server/platforms/kubernetes/keeper.ts";
import type { JobPace } from "../../../server/platforms/kubernetes/watch.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../../server/run/job.ts";
import { aRun, aState } from "../../support/a-run.ts";
import { Api, clusterFolder } from "./cluster.ts";

export const main = join(process.cwd(), "dist", "deft-mcp.js");

/** Waits of seconds where the product waits for minutes. */
export const quick: JobPace = {
  file_ms: 50,
  first_ms: 200,
  most_ms: 500,
  late_ms: 1000,
  away_ms: 4000,
  refused_ms: 1500,
  stuck_ms: 1500,
};

/** The environment of a server whose jobs run on the cluster of the tests. */
export function clusterEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const folder = clusterFolder();
  const PATH = `${join(folder, "bin")}:${process.env.PATH}`;
  return { PATH, HOME: process.env.HOME ?? "/", KUBECONFIG: join(folder, "kubeconfig"), ...more };
}

/** A namespace with a claim that is bound; everything in it goes with `close`. */
export async function openNamespace(api: Api, claim = "boards"): Promise<string> {
  const namespace = `t-${randomBytes(4).toString("hex")}`;
  await api.take("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await until("the service account of the namespace", async () => {
    const answer = await api.call("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    return answer.status === 200;
  });
  const capacity = { storage: "10Gi" };
  const shared = { storageClassName: "", accessModes: ["ReadWriteMany"] };
  await api.take("POST", "/api/v1/persistentvolumes", {
    metadata: { name: namespace },
    spec: { ...shared, capacity, hostPath: { path: tmpdir() }, claimRef: { namespace, name: claim } },
  });
  await api.take("POST", `/api/v1/namespaces/${namespace}/persistentvolumeclaims`, {
    metadata: { name: claim },
    spec: { ...shared, resources: { requests: capacity }, volumeName: namespace },
  });
  await until("the claim to be bound", async () => {
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`;
    return (await api.take<{ status?: { phase?: string } }>("GET", path)).status?.phase === "Bound";
  });
  return namespace;
}

type Item = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: { readonly phase?: string };
};

/** A run directory whose images are resolved, and what works in it. */
export type Desk = {
  readonly api: Api;
  readonly env: Record<string, string>;
  readonly namespace: string;
  readonly workspace: string;
  readonly runDir: string;
  readonly executor: Executor;
  job(id: string, script: string, change?: Partial<JobSpec>): JobSpec;
  /** Records the job, as the loop does before anything starts. */
  record(spec: JobSpec): Promise<JobRecord>;
  /** Keeps the job in this process until it has ended or its keeper gave up. */
  keep(spec: JobSpec, env?: Record<string, string>): Promise<JobExit | undefined>;
  trouble(spec: JobSpec): Promise<{ code: string; message: string; facts: Record<string, unknown> } | undefined>;
  /** Items of that kind in the namespace. */
  list(kind: "jobs" | "pods" | "secrets"): Promise<Item[]>;
  log(spec: JobSpec): Promise<string>;
  /** A kubeconfig of another user of the same cluster. */
  kubeconfig(user: object): Promise<string>;
  close(): Promise<void>;
};

export type DeskWish = { readonly settings?: Record<string, string | number | boolean>; readonly gpus?: number };

export async function openDesk({ settings = {}, gpus = 0 }: DeskWish = {}): Promise<Desk> {
  const api = new Api();
  const namespace = await openNamespace(api);
  const env = clusterEnvironment();
  const workspace = await mkdtemp(join(tmpdir(), "deft-kube-"));
  const blank = aState(join(workspace, "results", "run"));
  const platform_settings = { context: "test", namespace, claim: "boards", ...settings };
  const runDir = await aRun(workspace, {
    config: { ...blank.config, workspace, platform: "kubernetes", platform_settings },
    plan: { ...blank.plan, platform: "kubernetes", parameters: { num_gpus: { value: gpus, source: "user" } } },
  });
  const image = { uri: "registry.test/tao:1", id: "registry.test/tao:1" };
  const ready = {
    ...{ state: "ready", message: "ready", cleared: [], network_mode: "airgap", fetched: {} },
    images: { tao_pyt: image, tao_ds: image, anomalygen: image },
  };
  await writeFile(join(runDir, "jobs", "readiness.json"), JSON.stringify(ready));
  const desk: Desk = {
    api,
    env,
    namespace,
    workspace,
    runDir,
    executor: kubernetesExecutor({ main, env }),
    job: (id, script, change = {}) => ({
      id,
      image: "tao_pyt",
      argv: ["sh", "-c", script],
      mounts: [{ source: workspace, target: workspace, readonly: false }],
      env: {},
      env_names: [],
      workdir: join(runDir, "work"),
      gpus: gpus > 0 ? "all" : "none",
      ipc_host: false,
      user: "host",
      log_path: join(runDir, "work", `${id}.log`),
      ...change,
    }),
    async record(spec) {
      await mkdir(spec.workdir, { recursive: true });
      const record: JobRecord = { spec, platform: "kubernetes", created_at: new Date().toISOString() };
      await writeFile(join(runDir, "jobs", `${spec.id}.json`), JSON.stringify(record));
      return jobRecordSchema.parse(record);
    },
    async keep(spec, environment = env) {
      const stem = jobStem(runDir, spec.id);
      await keep(stem, jobWork(quick), environment);
      return await readExit(stem);
    },
    trouble: (spec) => readTrouble(jobStem(runDir, spec.id)),
    async list(kind) {
      const group = kind === "jobs" ? "/apis/batch/v1" : "/api/v1";
      const path = `${group}/namespaces/${namespace}/${kind}`;
      return (await api.take<{ items: Item[] }>("GET", path)).items;
    },
    log: (spec) => readFile(spec.log_path, "utf8"),
    async kubeconfig(user) {
      const config = parse(await readFile(env.KUBECONFIG ?? "", "utf8"));
      const path = join(workspace, `kubeconfig-${randomBytes(3).toString("hex")}`);
      const own = { ...config.users[0].user, ...user };
      await writeFile(path, JSON.stringify({ ...config, users: [{ name: "admin", user: own }] }));
      return path;
    },
    async close() {
      const background = { propagationPolicy: "Background" };
      await api.call("DELETE", `/apis/batch/v1/namespaces/${namespace}/jobs`, background).catch(() => undefined);
      await api.call("DELETE", `/api/v1/persistentvolumes/${namespace}`).catch(() => undefined);
      api.close();
      await rm(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
  return desk;
}

/** Waits until the condition holds. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(50)) if (await holds()) return;
  throw new Error(`waited ${seconds} s for: ${what}`);
}
