import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { keep } from "../../../server/durable/keeper.ts";
import { jobStem, readExit, readTrouble } from "../../../server/durable/work.ts";
import { slurmExecutor } from "../../../server/platforms/slurm/executor.ts";
import { type SlurmPace, slurmWork } from "../../../server/platforms/slurm/keeper.ts";
import { readTask } from "../../../server/platforms/slurm/record.ts";
import type { Executor } from "../../../server/ports/executor.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../../server/run/job.ts";

export const main = join(process.cwd(), "dist", "deft-mcp.js");

/** The cluster that this suite runs against. Without one the suite fails and says what it needs. */
export function clusterConfiguration(): string {
  const path = process.env.DEFT_TEST_SLURM_CONF;
  if (path) return path;
  throw new Error(
    "slurm: no cluster to test with. Start one with `.ci/slurm-cluster start DIR` and set DEFT_TEST_SLURM_CONF to what it prints.",
  );
}

/** The environment of a server whose jobs run there. */
export function slurmEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, USER } = process.env;
  return { PATH, HOME, USER, SLURM_CONF: clusterConfiguration(), ...more };
}

/** Ends a daemon of the cluster, or starts it again. */
export async function cluster(command: "kill" | "raise", daemon: "slurmctld" | "slurmd"): Promise<void> {
  const script = join(process.cwd(), ".ci", "slurm-cluster");
  await execa(script, [command, dirname(clusterConfiguration()), daemon], { stdio: "ignore" });
}

/** The process of this cluster that watches a job on the node. */
export async function stepDaemon(id: string): Promise<number> {
  const mine = Buffer.from(`SLURM_CONF=${clusterConfiguration()}\0`);
  for (const name of (await readdir("/proc")).filter((one) => /^\d+$/.test(one))) {
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (!command.startsWith(`slurmstepd: [${id}.`)) continue;
    if ((await readFile(`/proc/${name}/environ`).catch(() => Buffer.alloc(0))).includes(mine)) return Number(name);
  }
  throw new Error(`no step daemon of job ${id}`);
}

/** One of SLURM's commands as a person at the cluster gives it. */
export async function slurm(program: string, ...args: string[]): Promise<string> {
  return (await execa(program, args, { env: slurmEnvironment(), extendEnv: false })).stdout;
}

/** Waits of a keeper that a test can wait for. */
export const quick: SlurmPace = { first_ms: 30, most_ms: 100, ask_ms: 300, settleMs: 3000, lateMs: 1500 };

export type Desk = {
  readonly env: NodeJS.ProcessEnv;
  readonly workspace: string;
  readonly runDir: string;
  readonly executor: Executor;
  job(id: string, script: string, change?: Partial<JobSpec>): JobSpec;
  stem(spec: JobSpec): string;
  /** Writes the record of a job, as the loop does before it starts one. */
  record(spec: JobSpec): Promise<JobRecord>;
  /** Keeps a recorded job in this very process until it has ended. @throws the keeper's trouble. */
  kept(spec: JobSpec, pace?: SlurmPace): Promise<JobExit>;
  /** The id that SLURM gave to a job, once it has. */
  jobId(spec: JobSpec): Promise<string>;
  close(): Promise<void>;
};

export type DeskWish = {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Record<string, string>;
  /** Name of the workspace below a folder of its own. */
  readonly name?: string;
};

/** A run directory with approved settings and an executor that works in it. */
export async function openDesk({ settings = {}, env: more = {}, name = "boards" }: DeskWish = {}): Promise<Desk> {
  const env = slurmEnvironment(more);
  const folder = await mkdtemp(join(tmpdir(), "deft-slurm-"));
  const workspace = join(folder, name);
  const runDir = join(workspace, "results", "run_20261128_090000");
  await mkdir(join(runDir, "jobs"), { recursive: true });
  // The node's own programs stand for a Python environment.
  const platform_settings = { program: "tao", venv: "/usr", time: "10", ...settings };
  const state = { config: { platform_settings, num_gpus: 0 }, plan: { parameters: {} } };
  await writeFile(join(runDir, "deft_state.json"), JSON.stringify(state));
  const stem = (spec: JobSpec) => jobStem(runDir, spec.id);
  return {
    env,
    workspace,
    runDir,
    executor: slurmExecutor({ main, env }),
    stem,
    job: (id, script, change = {}) => ({
      id,
      image: "tao_pyt",
      argv: ["bash", "-c", script],
      mounts: [{ source: workspace, target: workspace, readonly: false }],
      env: {},
      env_names: [],
      workdir: join(runDir, id),
      gpus: "all",
      ipc_host: false,
      user: "host",
      log_path: join(runDir, id, "job.log"),
      ...change,
    }),
    async record(spec) {
      await mkdir(spec.workdir, { recursive: true });
      const record: JobRecord = { spec, platform: "slurm", created_at: new Date().toISOString() };
      await writeFile(`${stem(spec)}.json`, JSON.stringify(record));
      return jobRecordSchema.parse(record);
    },
    async kept(spec, pace = quick) {
      await keep(stem(spec), slurmWork(main, pace), env);
      const trouble = await readTrouble(stem(spec));
      if (trouble !== undefined) throw trouble;
      const exit = await readExit(stem(spec));
      if (exit === undefined) throw new Error(`${spec.id} has no exit`);
      return exit;
    },
    async jobId(spec) {
      const id = async () => (await readTask(stem(spec)))?.job_id;
      await until("an id", async () => (await id()) !== undefined);
      return String(await id());
    },
    close: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }),
  };
}

export async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
}

/** Waits until the condition holds. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(50)) if (await holds()) return;
  throw new Error(`waited ${seconds} s for: ${what}`);
}
