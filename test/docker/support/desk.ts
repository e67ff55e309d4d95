import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { buildContractImages } from "../../../scripts/contract-images/build.mjs";
import { hostUser } from "../../../server/platforms/docker/argv.ts";
import { dockerExecutor } from "../../../server/platforms/docker/executor.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../../server/run/job.ts";

export const main = join(process.cwd(), "dist", "deft-mcp.js");

/** The daemon that this suite runs against. Without one the suite fails and says what it needs. */
export function daemonHost(): string {
  const host = process.env.DEFT_TEST_DOCKER_HOST;
  if (host === undefined || host === "") {
    throw new Error(
      "docker: no daemon to test with. Start one with `.ci/docker-daemon start DIR` and set DEFT_TEST_DOCKER_HOST to what it prints.",
    );
  }
  return host;
}

/** The environment of a server whose containers run on that daemon. */
export function dockerEnvironment(host = daemonHost(), more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: host, ...more };
}

export async function docker(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  const { stdout } = await execa("docker", args, { env, extendEnv: false });
  return stdout;
}

/** Images of this very build, made once a daemon; the variables that choose them. */
export async function contractImages(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  if (!existsSync(main)) throw new Error("docker: dist/ is missing; run `npm run build` first.");
  const built = createHash("sha256")
    .update(String(statSync(main).mtimeMs))
    .digest("hex")
    .slice(0, 8);
  const prefix = `deft-contract-${built}`;
  const list = await docker(env, "images", "--format", "{{.Repository}}:{{.Tag}}");
  const names = list.split("\n").filter((name) => name.startsWith(`${prefix}/`));
  const find = (part: string) => names.find((name) => name.includes(part)) ?? "";
  if (names.length < 3) return buildContractImages({ prefix, env });
  return { TAO_PYT_IMAGE: find("tao-pyt"), TAO_DS_IMAGE: find("data-services"), AG_IMAGE: find("anomalygen") };
}

/** A run directory with its images resolved and an executor that works in it. */
export type Desk = {
  readonly env: NodeJS.ProcessEnv;
  readonly workspace: string;
  readonly runDir: string;
  readonly executor: Executor;
  readonly image: string;
  /** A program of the test in the workspace; its path goes into an argv. */
  program(name: string, lines: readonly string[]): Promise<string>;
  /** A statement at which a program waits, however slow the machine is, until the test opens the gate. */
  gate(name: string): { readonly wait: string; open(): Promise<void> };
  job(id: string, argv: readonly string[], change?: Partial<JobSpec>): JobSpec;
  /** Records the job and starts it, as the loop does. */
  start(spec: JobSpec, by?: Executor): Promise<JobRecord>;
  end(record: JobRecord, seconds?: number): Promise<JobExit>;
  log(spec: JobSpec): Promise<string>;
  close(): Promise<void>;
};

export async function openDesk(host = daemonHost(), more: Record<string, string> = {}): Promise<Desk> {
  const images = await contractImages(dockerEnvironment(host, more));
  const env = dockerEnvironment(host, { ...images, ...more });
  const workspace = await mkdtemp(join(tmpdir(), "deft-docker-"));
  const runDir = join(workspace, "results", "run_20261121_090000");
  await mkdir(join(runDir, "jobs"), { recursive: true });
  const uri = images.TAO_PYT_IMAGE ?? "";
  const id = await docker(env, "image", "inspect", uri, "--format", "{{.Id}}");
  const image = { uri, id };
  const ready = {
    ...{ state: "ready", message: "ready", cleared: [], network_mode: "airgap", fetched: {} },
    images: { tao_pyt: image, tao_ds: image, anomalygen: image },
  };
  await writeFile(join(runDir, "jobs", "readiness.json"), JSON.stringify(ready));
  const executor = dockerExecutor({ main, env, user: hostUser() });
  const recordPath = (jobId: string) => join(runDir, "jobs", `${jobId}.json`);
  return {
    env,
    workspace,
    runDir,
    executor,
    image: uri,
    async program(name, lines) {
      const path = join(workspace, name);
      await writeFile(path, `${lines.join("\n")}\n`);
      return path;
    },
    gate(name) {
      const path = join(workspace, name);
      const wait = `while (!(await import("node:fs")).existsSync(${JSON.stringify(path)})) await new Promise((go) => setTimeout(go, 20));`;
      return { wait, open: () => writeFile(path, "") };
    },
    job: (jobId, argv, change = {}) => ({
      id: jobId,
      image: "tao_pyt",
      argv: [...argv],
      mounts: [{ source: workspace, target: workspace, readonly: false }],
      env: { HF_HUB_OFFLINE: "1" },
      env_names: [],
      workdir: workspace,
      gpus: "all",
      ipc_host: false,
      user: "host",
      log_path: join(runDir, "jobs", `${jobId}.log`),
      ...change,
    }),
    async start(spec, by = executor) {
      const record: JobRecord = { spec, platform: "docker", created_at: "2026-11-21T09:00:00+00:00" };
      await writeFile(recordPath(spec.id), JSON.stringify(record));
      const started = { ...record, handle: await by.start(runDir, spec) };
      await writeFile(recordPath(spec.id), JSON.stringify(started));
      return jobRecordSchema.parse(started);
    },
    async end(record, seconds = 240) {
      for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
        const now = await executor.poll(runDir, record);
        if (now.state === "ended") return now.exit;
        await sleep(50);
      }
      throw new Error(`${record.spec.id} did not end in ${seconds} s`);
    },
    log: (spec) => readFile(spec.log_path, "utf8"),
    async close() {
      const ids = await docker(env, "ps", "-aq", "--filter", `label=deft-mcp.run=${runDir}`).catch(() => "");
      if (ids !== "") await docker(env, "rm", "-f", ...ids.split("\n")).catch(() => "");
      await rm(workspace, { recursive: true, force: true });
    },
  };
}

/** Waits until the condition holds. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 240): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(50)) if (await holds()) return;
  throw new Error(`waited ${seconds} s for: ${what}`);
}

/** A program that counts on stdout from line `first` to `last`, as fast as it can. */
export const counting = (last: number, first = 1) =>
  `for (let n = ${first}; n <= ${last}; n++) console.log("line " + n);`;

/** What such a program leaves in the log when it counted from 1. */
export const counted = (lines: number) => Array.from({ length: lines }, (_, at) => `line ${at + 1}\n`).join("");

/** Folder of the repository's CI scripts. */
export const ciDaemon = join(dirname(dirname(main)), ".ci", "docker-daemon");
