import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { claimState } from "../../../server/durable/claim.ts";
import { startKeeper } from "../../../server/durable/keeper.ts";
import { cancelProgram, programExit } from "../../../server/durable/program.ts";
import { readExit, workFiles } from "../../../server/durable/work.ts";
import type { JobRecord } from "../../../server/run/job.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(20)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("it did not happen in time");
}

/** Jobs of one run whose keepers are started ahead. */
async function aRun() {
  const home = await folder();
  const jobs = join(home, "jobs");
  await mkdir(jobs);
  const main = await fakeEngine(home);
  const recorded = async (name: string, argv: readonly string[], workdir = home) => {
    const stem = join(jobs, name);
    const spec: JobRecord["spec"] = {
      ...{ id: name, image: "tao_pyt", argv: [...argv], mounts: [], env: { GREETING: name }, env_names: [] },
      ...{ workdir, gpus: "none", ipc_host: false, user: "host", log_path: `${stem}.log` },
    };
    const record: JobRecord = { spec, platform: "embedded", created_at: "2026-11-21T10:00:00+00:00" };
    await writeFile(workFiles(stem).record, JSON.stringify(record));
    return { stem, record, log: () => readFile(spec.log_path, "utf8") };
  };
  const started = async (name: string, argv: readonly string[], workdir?: string) => {
    const job = await recorded(name, argv, workdir);
    const keeper = await startKeeper({ kind: "engine", stem: job.stem, main, env: process.env, ahead: true });
    if (keeper === undefined) throw new Error("no keeper");
    const end = () => until(() => readExit(job.stem));
    return { ...job, pid: keeper.pid, record: { ...job.record, handle: { keeper } }, end };
  };
  /** The keeper that waits for work, and the program that waits with it. */
  const waiting = () =>
    until(async () => {
      const rows = await processes();
      const keeper = rows.find(({ args }) => args.endsWith(`${main} keep engine`));
      const program = rows.find(({ ppid, args }) => ppid === keeper?.pid && args.endsWith(`${main} engine -`));
      return keeper && program && { keeper: keeper.pid, program: program.pid };
    });
  const afterOne = async () => {
    await (await started("first", ["say", "one"])).end();
    return await waiting();
  };
  return { home, main, recorded, started, waiting, afterOne };
}

async function processes() {
  const { execa } = await import("execa");
  const { stdout } = await execa("ps", ["-A", "-ww", "-o", "pid=,ppid=,stat=,args="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, ppid, stat = "", args = ""] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return stat.startsWith("Z") ? [] : [{ pid: Number(pid), ppid: Number(ppid), args }];
  });
}

/** Where a link of the system leads; one that went meanwhile leads nowhere. */
const linkOf = (path: string) => readlink(path).catch(() => "");

async function isGone(...pids: number[]): Promise<true | undefined> {
  return (await processes()).every(({ pid }) => !pids.includes(pid)) || undefined;
}

describe("a keeper that is started ahead", () => {
  it("does the next job, with the program that waited, in that job's folder and environment", async () => {
    const run = await aRun();
    const { keeper, program } = await run.afterOne();
    const other = join(run.home, "other");
    await mkdir(other);
    const next = await run.started("next", ["crash"], other);
    expect(next.pid).toBe(keeper);
    expect(await next.end()).toMatchObject({ outcome: "exited", exit_code: 1 });
    expect(await next.log()).toContain(`crashed in ${other} with next`);
    await until(() => isGone(keeper, program));
    expect(await claimState(next.stem)).toMatchObject({ state: "left", owner: { pid: keeper } });
    const third = await run.started("third", ["say", "three"]);
    expect(third.pid).not.toBe(keeper);
    expect([(await third.end()).exit_code, await third.log()]).toEqual([0, "three\n"]);
  });

  it("holds nothing of a run open before it has a job of it", async () => {
    const run = await aRun();
    const first = await run.started("first", ["say", "one"]);
    await first.end();
    const { keeper, program } = await run.waiting();
    await until(() => isGone(first.pid));
    for (const pid of [keeper, program]) {
      const held = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
      expect(
        [...held, await linkOf(`/proc/${pid}/cwd`)].filter((path) => path.startsWith(join(run.home, "jobs"))),
      ).toEqual([]);
    }
  });

  it("ends its job when that is cancelled, and with it", async () => {
    const run = await aRun();
    const { keeper, program } = await run.afterOne();
    const job = await run.started("next", ["hang"]);
    // One that has not begun by then is never started, and gets no signal.
    await until(async () => (await job.log().catch(() => "")) === "hangs\n" || undefined);
    await cancelProgram(job.stem, 60);
    expect(await programExit(job.stem, job.record)).toMatchObject({ outcome: "cancelled", signal: "SIGTERM" });
    await until(() => isGone(keeper, program));
  });

  it("loses its job when it is killed, and the program goes too", async () => {
    const run = await aRun();
    const { keeper, program } = await run.afterOne();
    const job = await run.started("next", ["hang"]);
    await until(async () => (await claimState(job.stem)).state === "held" || undefined);
    process.kill(keeper, "SIGKILL");
    await until(() => isGone(keeper));
    expect(await until(() => programExit(job.stem, job.record))).toEqual({ outcome: "lost" });
    await until(() => isGone(program));
  });

  it("that died while it waited is given nothing", async () => {
    const run = await aRun();
    const { keeper, program } = await run.afterOne();
    process.kill(keeper, "SIGKILL");
    await until(() => isGone(keeper));
    const job = await run.started("next", ["say", "two"]);
    expect(await job.end()).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect([job.pid === keeper, await job.log()]).toEqual([false, "two\n"]);
    await until(() => isGone(keeper, program));
  });

  it("starts another program where that which waited was killed", async () => {
    const run = await aRun();
    const { keeper, program } = await run.afterOne();
    process.kill(program, "SIGKILL");
    await until(() => isGone(program));
    // Its keeper has heard of it by the time that it has read a record.
    const job = await run.started("next", ["say", "two"]);
    expect([job.pid, (await job.end()).exit_code, await job.log()]).toEqual([keeper, 0, "two\n"]);
  });

  it("ends, with its program and without having done anything, when who started it is killed", async () => {
    const run = await aRun();
    const first = await run.recorded("first", ["say", "one"]);
    const starter = spawn(process.execPath, [run.main, "start", first.stem], { stdio: "ignore" });
    const { keeper, program } = await run.waiting();
    expect(await isGone(keeper, program)).toBeUndefined();
    starter.kill("SIGKILL");
    await until(() => isGone(keeper, program));
    await until(() => readExit(first.stem));
  });
});
