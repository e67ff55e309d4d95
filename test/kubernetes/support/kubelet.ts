import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Api, clusterFolder } from "./cluster.ts";

type EnvEntry = {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { fieldPath: string }; secretKeyRef?: { name: string; key: string } };
};
export type Pod = {
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
  };
  spec: {
    nodeName?: string;
    activeDeadlineSeconds?: number;
    terminationGracePeriodSeconds?: number;
    securityContext?: { runAsUser?: number; runAsGroup?: number };
    containers: { name: string; image: string; command: string[]; env?: EnvEntry[]; workingDir?: string }[];
  };
  status: { phase: string };
};

/** What the node does with a pod instead of running its command. */
export type Fate =
  | { readonly waiting: { readonly reason: string; readonly message: string } }
  /** Ends without ever running the command. */
  | { readonly exitCode: number; readonly reason?: string; readonly message?: string; readonly log?: string }
  /** Fails as a whole, as an evicted pod does. */
  | { readonly failed: { readonly reason: string; readonly message: string }; readonly disrupted?: string }
  | "run";

type Held = { child?: ChildProcess; started: string; log: string; over: boolean; ending: boolean; told: boolean };

const pauseMs = 100;

/**
 * Plays the node of a cluster that has no kubelet: takes the pods that the scheduler gives it, runs their commands on this
 * very host, whose disk is the volume, and reports as a kubelet does.
 */
export class Kubelet {
  readonly api: Api;
  readonly node: string;
  /** Decides what becomes of a pod; tests set it. */
  fate: (pod: Pod) => Fate = () => "run";
  /** Secret values that commands were given, by variable. */
  readonly secretsSeen = new Map<string, string>();
  readonly commands: string[][] = [];
  readonly #held = new Map<string, Held>();
  #logs: Server | undefined;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(node: string, api = new Api()) {
    this.node = node;
    this.api = api;
  }

  /** Registers the node with that capacity and begins to work. */
  async start(capacity: Record<string, string> = {}): Promise<this> {
    const folder = clusterFolder();
    const [key, cert] = ["kubelet.key", "kubelet.crt"].map((name) => readFileSync(join(folder, name)));
    this.#logs = createServer({ key, cert }, (asked, answer) => {
      const [, , , name] = (asked.url ?? "").split(/[/?]/);
      answer.end([...this.#held].find(([uid]) => uid.endsWith(`/${name}`))?.[1].log ?? "");
    });
    const logs = this.#logs;
    await new Promise<void>((done) => logs.listen(0, "127.0.0.1", done));
    const port = (logs.address() as AddressInfo).port;
    const all = { cpu: "64", memory: "256Gi", pods: "500", "ephemeral-storage": "100Gi", ...capacity };
    // The node of a test that died would be given pods that nobody runs.
    await this.api.call("DELETE", "/api/v1/nodes");
    await this.api.take("POST", "/api/v1/nodes", { metadata: { name: this.node, labels: { "deft-test": "node" } } });
    const ready = {
      type: "Ready",
      status: "True",
      reason: "Test",
      lastHeartbeatTime: now(),
      lastTransitionTime: now(),
    };
    await this.api.patch(`/api/v1/nodes/${this.node}/status`, {
      status: {
        capacity: all,
        allocatable: all,
        conditions: [ready],
        addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    });
    await this.api.patch(`/api/v1/nodes/${this.node}`, { spec: { taints: null } });
    this.#loop = this.#work();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    for (const { child } of this.#held.values()) kill(child, "SIGKILL");
    await this.api.call("DELETE", `/api/v1/nodes/${this.node}`).catch(() => undefined);
    this.#logs?.close();
    this.#logs?.closeAllConnections();
    this.api.close();
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      // An API server that is away leaves what runs as it is.
      await this.#turn().catch(() => undefined);
      await sleep(pauseMs);
    }
  }

  async #turn(): Promise<void> {
    const path = `/api/v1/pods?fieldSelector=spec.nodeName%3D${this.node}`;
    const { items } = await this.api.take<{ items: Pod[] }>("GET", path);
    for (const pod of items) {
      const held = this.#held.get(keyOf(pod));
      if (pod.metadata.deletionTimestamp !== undefined) void this.#remove(pod, held).catch(() => undefined);
      else if (held === undefined && !["Succeeded", "Failed"].includes(pod.status.phase)) await this.#take(pod);
    }
  }

  async #take(pod: Pod): Promise<void> {
    const held: Held = { started: now(), log: "", over: false, ending: false, told: false };
    this.#held.set(keyOf(pod), held);
    const fate = this.fate(pod);
    if (fate === "run") return await this.#run(pod, held);
    if ("waiting" in fate) {
      this.#held.delete(keyOf(pod));
      await this.#report(pod, { phase: "Pending", containerStatuses: [container(pod, { waiting: fate.waiting })] });
      return;
    }
    held.over = true;
    if ("failed" in fate) {
      const type = "DisruptionTarget";
      const target = { type, status: "True", reason: fate.disrupted, message: fate.failed.message };
      const conditions = fate.disrupted === undefined ? {} : { conditions: [target] };
      await this.#report(pod, { phase: "Failed", ...fate.failed, ...conditions });
      return;
    }
    held.log = fate.log ?? "";
    await this.#end(pod, held, fate.exitCode, fate.reason, fate.message);
  }

  async #run(pod: Pod, held: Held): Promise<void> {
    const [box] = pod.spec.containers;
    if (box === undefined) throw new Error("a pod without a container");
    const env = await this.#environment(pod, box.env ?? []);
    const [program = "", ...args] = box.command.map((word) => expand(word, env));
    this.commands.push([program, ...args]);
    const { runAsUser: uid, runAsGroup: gid } = pod.spec.securityContext ?? {};
    const child = spawn(program, args, {
      cwd: box.workingDir ?? "/",
      // The image of this node is the host itself.
      env: { PATH: process.env.PATH, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid === undefined || uid === process.getuid?.() ? {} : { uid, gid }),
    });
    held.child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (held.log += String(chunk)));
    const limit = pod.spec.activeDeadlineSeconds;
    const timer = limit === undefined ? undefined : setTimeout(() => kill(child, "SIGTERM"), limit * 1000);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      held.over = true;
      void this.#end(pod, held, code ?? (signal === "SIGKILL" ? 137 : 143)).catch(() => undefined);
    });
    await this.#report(pod, {
      phase: "Running",
      containerStatuses: [container(pod, { running: { startedAt: held.started } })],
    });
  }

  async #environment(pod: Pod, entries: EnvEntry[]): Promise<Record<string, string>> {
    const env: Record<string, string> = {};
    for (const { name, value, valueFrom } of entries) {
      if (valueFrom?.secretKeyRef !== undefined) {
        const { name: secret, key } = valueFrom.secretKeyRef;
        const answer = await this.api.call("GET", `/api/v1/namespaces/${pod.metadata.namespace}/secrets/${secret}`);
        const held = (answer.body as { data?: Record<string, string> }).data?.[key];
        if (held === undefined) continue;
        env[name] = Buffer.from(held, "base64").toString("utf8");
        this.secretsSeen.set(name, env[name]);
      } else if (valueFrom?.fieldRef !== undefined) env[name] = pod.metadata.name;
      else env[name] = expand(value ?? "", env);
    }
    return env;
  }

  /** Asks the command to end, kills it after the grace, and lets the pod go. */
  async #remove(pod: Pod, held: Held | undefined): Promise<void> {
    if (held?.ending) return;
    if (held !== undefined) held.ending = true;
    if (held?.child !== undefined && !held.over) {
      kill(held.child, "SIGTERM");
      const grace = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
      for (const until = Date.now() + grace; !held.over && Date.now() < until; ) await sleep(20);
      kill(held.child, "SIGKILL");
    }
    // The Job's controller lets a pod go once it was told that nothing of it runs.
    while (held?.child !== undefined && !held.told && !this.#stopped) await sleep(20);
    const never = held?.child === undefined && !["Succeeded", "Failed"].includes(pod.status.phase);
    if (never) await this.#report(pod, { phase: "Failed" });
    await this.api.call("DELETE", podPath(pod), { gracePeriodSeconds: 0 });
    this.#held.delete(keyOf(pod));
  }

  async #end(pod: Pod, held: Held, exitCode: number, reason?: string, message?: string): Promise<void> {
    const why = reason ?? (exitCode === 0 ? "Completed" : "Error");
    const terminated = {
      exitCode,
      reason: why,
      startedAt: held.started,
      finishedAt: now(),
      ...(message ? { message } : {}),
    };
    const status = {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [container(pod, { terminated })],
    };
    // Nobody asks again for a report that an absent API server did not take.
    while (!this.#stopped && !(await this.#report(pod, status).catch(() => false))) await sleep(200);
    held.told = true;
  }

  async #report(pod: Pod, status: object): Promise<boolean> {
    const answer = await this.api.patch(`${podPath(pod)}/status`, { status });
    return answer.status < 300 || answer.status === 404;
  }
}

const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");
const keyOf = ({ metadata }: Pod) => `${metadata.uid}/${metadata.name}`;
const podPath = ({ metadata }: Pod) => `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;

/** `$(NAME)` of what the environment has, and `$$` for a plain sign, as a kubelet replaces them. */
export function expand(word: string, env: Readonly<Record<string, string>>): string {
  return word.replace(/\$\$|\$\(([^)]*)\)/g, (all, name) => (all === "$$" ? "$" : (env[name] ?? all)));
}

function container(pod: Pod, state: object) {
  const [box] = pod.spec.containers;
  const imageID = `registry.test/image@sha256:${"a".repeat(64)}`;
  return { name: box?.name, image: box?.image, imageID, ready: false, restartCount: 0, state };
}

/** A kubelet asks the first process of a container; when it kills, it kills all of them, whatever group they made. */
function kill(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  for (const pid of signal === "SIGKILL" ? [child.pid, ...below(child.pid)] : [child.pid]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }
}

function below(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .flatMap((child) => [Number(child), ...below(Number(child))]);
  } catch {
    return [];
  }
}
