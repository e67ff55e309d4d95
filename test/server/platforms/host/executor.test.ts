import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { saveRecord } from "../../../../server/loop/running/attempts.ts";
import { hostExecutor } from "../../../../server/platforms/host/executor.ts";
import type { Executor } from "../../../../server/ports/executor.ts";
import type { JobExit, JobRecord, JobSpec } from "../../../../server/run/job.ts";
import type { SettingValues } from "../../../../server/run/platform-settings.ts";
import { contractVenv, script } from "../../../support/contract-venv.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const temporaryFolder = temporaryFolders();
const main = join(process.cwd(), "dist", "deft-mcp.js");

type Desk = { readonly executor: Executor; readonly runDir: string; readonly venv: string };

/** A run directory whose state names a contract environment, and what `visual_changenet` is there. */
async function desk(program: string, settings: SettingValues = {}, airgap = false): Promise<Desk> {
  const runDir = await temporaryFolder();
  const venv = await contractVenv(runDir);
  await script(venv, "visual_changenet", program);
  await mkdir(join(runDir, "jobs"));
  const state = {
    config: { platform_settings: { venv, program: "tao", ...settings } },
    plan: { parameters: { network_mode: { value: airgap ? "airgap" : "network-enabled" } } },
  };
  await writeFile(join(runDir, "deft_state.json"), JSON.stringify(state));
  const env = { ...process.env, WORLD_SIZE: "4", JOB_ID: "7", PYTHONPATH: "/elsewhere", HF_TOKEN: "hf_secret1" };
  return { executor: hostExecutor({ main, env }), runDir, venv };
}

async function started({ executor, runDir }: Desk, patch: Partial<JobSpec> = {}): Promise<JobRecord> {
  const spec: JobSpec = {
    id: "baseline-train-1-train",
    image: "tao_pyt",
    argv: ["visual_changenet", "train", "-e", "spec.yaml"],
    mounts: [],
    env: { HOME: "/tmp", XDG_CACHE_HOME: "/tmp/.cache/xdg", HF_HUB_OFFLINE: "1" },
    env_names: [],
    workdir: runDir,
    gpus: "all",
    ipc_host: false,
    user: "host",
    log_path: join(runDir, "train.log"),
    ...patch,
  };
  const record: JobRecord = { spec, platform: "host", created_at: "2026-11-21T10:00:00+00:00" };
  await saveRecord(runDir, record);
  const next = { ...record, handle: await executor.start(runDir, spec) };
  await saveRecord(runDir, next);
  return next;
}

async function endOf({ executor, runDir }: Desk, record: JobRecord): Promise<JobExit> {
  for (let tries = 0; tries < 800; tries++) {
    const now = await executor.poll(runDir, record);
    if (now.state === "ended") return now.exit;
    await sleep(25);
  }
  throw new Error("the job did not end");
}

async function written(path: string): Promise<string> {
  for (let tries = 0; tries < 800; tries++) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return text.trim();
    await sleep(25);
  }
  throw new Error(`${path} was not written`);
}

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 400; tries++) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (stat === "" || / Z /.test(stat)) return true;
    await sleep(25);
  }
  return false;
}

/** A trainer with a data loader in a session of its own, as torchrun starts its workers, and one that takes no TERM. */
const loaders = [
  "#!/bin/sh",
  "setsid sh -c 'echo $$ > loader.pid; sleep 600' &",
  "setsid sh -c 'trap \"\" TERM; echo $$ > stubborn.pid; while :; do sleep 1; done' &",
  "while [ ! -s loader.pid ] || [ ! -s stubborn.pid ]; do sleep 0.05; done",
];
const pidIn = async ({ runDir }: Desk, name: string) => Number(await written(join(runDir, name)));

describe("a job of platform host", () => {
  it("gets the environment's programs first, its GPUs, and nothing that TAO or Python would take as an order", async () => {
    const at = await desk("#!/bin/sh\nenv\n", { gpus: "1,2" }, true);
    const exit = await endOf(at, await started(at));
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 0 });
    const lines = (await readFile(join(at.runDir, "train.log"), "utf8")).split("\n");
    const seen = Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
    expect(seen.PATH?.split(":")[0]).toBe(join(at.venv, "bin"));
    expect(seen).toMatchObject({
      VIRTUAL_ENV: at.venv,
      CUDA_VISIBLE_DEVICES: "1,2",
      HF_HUB_OFFLINE: "1",
      AIR_GAPPED: "1",
      HOME: process.env.HOME,
    });
    for (const name of ["WORLD_SIZE", "JOB_ID", "PYTHONPATH", "HF_TOKEN"]) expect(seen).not.toHaveProperty(name);
    expect(seen.XDG_CACHE_HOME).not.toBe("/tmp/.cache/xdg");
  });

  it("takes its data loaders along when it ends, also one that started a session and one that hears no TERM", async () => {
    const at = await desk([...loaders, "exit 3", ""].join("\n"));
    const record = await started(at);
    expect(await endOf(at, record)).toMatchObject({ outcome: "exited", exit_code: 3 });
    expect(await isGone(await pidIn(at, "loader.pid"))).toBe(true);
    expect(await isGone(await pidIn(at, "stubborn.pid"))).toBe(true);
  });

  it("takes them along when it is cancelled", async () => {
    const at = await desk([...loaders, "sleep 600", ""].join("\n"));
    const record = await started(at);
    const loader = await pidIn(at, "loader.pid");
    const stubborn = await pidIn(at, "stubborn.pid");
    await at.executor.cancel(at.runDir, record, 20);
    expect(await endOf(at, record)).toMatchObject({ outcome: "cancelled" });
    expect([await isGone(loader), await isGone(stubborn)]).toEqual([true, true]);
  });

  it("takes them along when its keeper was killed with it, and calls the job lost", async () => {
    const at = await desk([...loaders, "sleep 600", ""].join("\n"));
    const record = await started(at);
    const loader = await pidIn(at, "loader.pid");
    const stubborn = await pidIn(at, "stubborn.pid");
    const claim = JSON.parse(await readFile(join(at.runDir, "jobs", "baseline-train-1-train.claim"), "utf8"));
    process.kill(-Number(claim.pid), "SIGKILL");
    expect(await endOf(at, record)).toEqual({ outcome: "lost" });
    expect([await isGone(loader), await isGone(stubborn)]).toEqual([true, true]);
  });

  it("leaves the engine what the environment lacks", async () => {
    const at = await desk("#!/bin/sh\n", { embedding: "engine", neighbors: "engine" });
    const exit = await endOf(at, await started(at, { argv: ["tmm", "nearest_neighbors", "-e", "no.yaml"] }));
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 1 });
    expect(await readFile(join(at.runDir, "train.log"), "utf8")).toMatch(/no\.yaml/);
  });

  it("says what is missing before there is an environment", async () => {
    const { executor } = await desk("");
    expect(await executor.availability({ program: "tao" })).toEqual({
      available: false,
      detail: "no Python environment is named",
      fix: expect.stringContaining("DEFT_TAO_VENV"),
    });
    expect(await executor.availability({ program: "engine" })).toMatchObject({ available: true });
  });
});
