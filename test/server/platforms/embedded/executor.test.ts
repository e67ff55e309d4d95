import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { identityOf } from "../../../../server/exec/identity.ts";
import { readRecord, saveRecord } from "../../../../server/loop/running/attempts.ts";
import { embeddedExecutor } from "../../../../server/platforms/embedded/executor.ts";
import type { Executor } from "../../../../server/ports/executor.ts";
import type { JobExit, JobRecord, JobSpec } from "../../../../server/run/job.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { temporaryFolders } from "../../../support/folder.ts";

const temporaryFolder = temporaryFolders();
let executor: Executor;

async function aJob(argv: string[], patch: Partial<JobSpec> = {}): Promise<{ runDir: string; record: JobRecord }> {
  const runDir = await temporaryFolder();
  await mkdir(join(runDir, "jobs"));
  const main = await fakeEngine(runDir);
  executor = embeddedExecutor({ main, version: "0", env: process.env });
  const spec: JobSpec = {
    id: "baseline-train-1-train",
    image: "tao_pyt",
    argv,
    mounts: [],
    env: {},
    env_names: [],
    workdir: runDir,
    gpus: "none",
    ipc_host: false,
    user: "host",
    log_path: join(runDir, "train.log"),
    ...patch,
  };
  const record: JobRecord = { spec, platform: "embedded", created_at: "2026-11-21T10:00:00+00:00" };
  await saveRecord(runDir, record);
  return { runDir, record };
}

async function started(runDir: string, record: JobRecord): Promise<JobRecord> {
  const next = { ...record, handle: await executor.start(runDir, record.spec) };
  await saveRecord(runDir, next);
  return next;
}

async function endOf(runDir: string, record: JobRecord): Promise<JobExit> {
  for (let tries = 0; tries < 400; tries++) {
    const now = await executor.poll(runDir, record);
    if (now.state === "ended") return now.exit;
    await sleep(25);
  }
  throw new Error("the job did not end");
}

async function keeperPid(runDir: string): Promise<number> {
  for (let tries = 0; tries < 400; tries++) {
    const text = await readFile(join(runDir, "jobs", "baseline-train-1-train.claim"), "utf8").catch(() => "");
    if (text !== "") return Number(JSON.parse(text).pid);
    await sleep(25);
  }
  throw new Error("the job was not claimed");
}

describe("embedded executor", () => {
  beforeAll(() => {
    if (process.platform === "win32") throw new Error("process groups need a POSIX system");
  });

  it("runs a job, logs its output and reports its exit", async () => {
    const { runDir, record } = await aJob(["say", "hello"]);
    const exit = await endOf(runDir, await started(runDir, record));
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await readFile(record.spec.log_path, "utf8")).toBe("hello\n");
    expect(await readRecord(runDir, record.spec.id)).toMatchObject({ spec: { argv: ["say", "hello"] } });
  });

  it.each([false, true])(
    "gives the job that was expected to the keeper that waits for it (afresh: %s)",
    async (afresh) => {
      // Its keeper lives as long as it does, and is looked at.
      const go = join(await temporaryFolder(), "go");
      const { runDir, record } = await aJob(["wait", go], { afresh });
      await executor.expect?.(runDir, record.spec);
      const running = await started(runDir, record);
      const keeper = await keeperPid(runDir);
      const words = (await readFile(`/proc/${keeper}/cmdline`, "utf8")).split("\0").filter((word) => word !== "");
      expect(words.slice(-2)).toEqual(["keep", "engine"]);
      expect(running.handle).toMatchObject({ keeper: { pid: keeper } });
      await writeFile(go, "");
      expect(await endOf(runDir, running)).toMatchObject({ outcome: "exited", exit_code: 0 });
    },
  );

  it("reports the exit code of a failed job", async () => {
    const { runDir, record } = await aJob(["fail", "3"]);
    expect(await endOf(runDir, await started(runDir, record))).toMatchObject({ outcome: "exited", exit_code: 3 });
  });

  it("starts a job once, however often it is told to", async () => {
    const { runDir, record } = await aJob(["count", ""]);
    const counter = join(runDir, "count.txt");
    const counted = { ...record, spec: { ...record.spec, argv: ["count", counter] } };
    await saveRecord(runDir, counted);
    const runs = await Promise.all(Array.from({ length: 5 }, () => started(runDir, counted)));
    await endOf(runDir, runs[0] ?? counted);
    await sleep(300);
    expect(await readFile(counter, "utf8")).toBe("started\n");
  });

  it("cancels a job and says so", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const running = await started(runDir, record);
    await keeperPid(runDir);
    expect(await executor.poll(runDir, running)).toEqual({ state: "running" });
    await executor.cancel(runDir, running, 5);
    expect(await endOf(runDir, running)).toMatchObject({ outcome: "cancelled" });
  });

  it("calls a job cancelled whose program ended before its keeper heard of the cancel", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const running = await started(runDir, record);
    const program = await childOf(await keeperPid(runDir));
    await writeFile(join(runDir, "jobs", `${record.spec.id}.cancel`), "");
    process.kill(program, "SIGTERM");
    expect(await endOf(runDir, running)).toMatchObject({ outcome: "cancelled", signal: "SIGTERM" });
  });

  it("ends a job at its time limit without the server", async () => {
    const { runDir, record } = await aJob(["hang"], { time_limit_sec: 0.3 });
    expect(await endOf(runDir, await started(runDir, record))).toMatchObject({ outcome: "timeout" });
  });

  it("calls a job lost whose keeper and program were killed", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const running = await started(runDir, record);
    process.kill(-(await keeperPid(runDir)), "SIGKILL");
    expect(await endOf(runDir, running)).toEqual({ outcome: "lost" });
  });

  it("keeps the end of a job until the disk takes it", async () => {
    const { runDir, record } = await aJob(["say", "done"]);
    // A directory in its place refuses the exit record, as a full disk would.
    const inTheWay = join(runDir, "jobs", "baseline-train-1-train.exit");
    await mkdir(inTheWay);
    const running = await started(runDir, record);
    for (let text = ""; text === ""; await sleep(25)) {
      text = await readFile(record.spec.log_path, "utf8").catch(() => "");
    }
    await sleep(600);
    await rmdir(inTheWay);
    expect(await endOf(runDir, running)).toMatchObject({ outcome: "exited", exit_code: 0 });
  });

  it("fails a job whose log cannot be written, and says why", async () => {
    const { runDir, record } = await aJob(["say", "unheard"], { log_path: join(process.cwd(), "package.json", "x") });
    const exit = await endOf(runDir, await started(runDir, record));
    expect(exit).toMatchObject({ outcome: "exited", exit_code: 126, detail: expect.stringMatching(/ENOTDIR/) });
  });

  it("calls a job lost whose keeper died before its claim, though the clock was put back since", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const tomorrow = Date.now() + 24 * 3600 * 1000;
    const keeper = { pid: 4_000_000, start: "1", boot: "another" };
    const handle = { spawned_at_ms: tomorrow, keeper };
    expect(await executor.poll(runDir, { ...record, handle })).toEqual({ state: "ended", exit: { outcome: "lost" } });
  });

  it("waits for a keeper that lives and has not claimed its job yet, however long ago it was started", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const handle = { spawned_at_ms: 0, keeper: await identityOf(process.pid) };
    expect(await executor.poll(runDir, { ...record, handle })).toEqual({ state: "running" });
  });

  it("reports a program that was killed under its keeper", async () => {
    const { runDir, record } = await aJob(["hang"]);
    const running = await started(runDir, record);
    const keeper = await keeperPid(runDir);
    const child = await childOf(keeper);
    process.kill(child, "SIGKILL");
    expect(await endOf(runDir, running)).toMatchObject({ outcome: "killed", signal: "SIGKILL" });
  });
});

/** The only child of a process, found the portable way. */
async function childOf(pid: number): Promise<number> {
  const { execa } = await import("execa");
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await execa("ps", ["-A", "-o", "pid=,ppid="]);
    const row = stdout
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find(([, parent]) => parent === String(pid));
    if (row) return Number(row[0]);
    await sleep(25);
  }
  throw new Error("no child");
}
