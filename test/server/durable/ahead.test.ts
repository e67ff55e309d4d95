import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startKeeper } from "../../../server/durable/keeper.ts";
import { jobStem } from "../../../server/durable/work.ts";
import { saveRecord } from "../../../server/loop/running/attempts.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
let runDir: string;
let main: string;
let env: NodeJS.ProcessEnv;

async function aStem(id: string, argv = ["say", id], more: { time_limit_sec?: number } = {}): Promise<string> {
  const spec = {
    ...{ ...more, id, image: "tao_pyt" as const, argv, mounts: [], env: {}, env_names: [], workdir: runDir },
    ...{ gpus: "none" as const, ipc_host: false, user: "host" as const, log_path: join(runDir, `${id}.log`) },
  };
  await saveRecord(runDir, { spec, platform: "embedded", created_at: "2026-11-21T10:00:00+00:00" });
  return jobStem(runDir, id);
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(25);
  }
  throw new Error("it did not come");
}

/** Processes of this test that wait for work: keepers, or their programs. */
async function waiting(words = "keep engine"): Promise<number[]> {
  const { execa } = await import("execa");
  const { stdout } = await execa("ps", ["-A", "-ww", "-o", "pid=,args="]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(`${main} ${words} -`))
    .map((line) => Number.parseInt(line, 10));
}

/** Starts a job whose keeper and program were there before, once both are. */
async function startSecond(...job: Parameters<typeof aStem>): Promise<string> {
  await start(await aStem("first"));
  await theWaiting();
  await theProgram();
  const stem = await aStem(...job);
  await start(stem);
  return stem;
}

const theWaiting = () => until(async () => (await waiting())[0]);
const theProgram = () => until(async () => (await waiting("engine"))[0]);
const claimOf = (stem: string) => readFile(`${stem}.claim`, "utf8").then(JSON.parse, () => undefined);
const exitOf = (stem: string) => until(() => readFile(`${stem}.exit`, "utf8").then(JSON.parse, () => undefined));
const start = (stem: string) => startKeeper({ kind: "engine", stem, main, env, more: true });

describe("a keeper that is started ahead", () => {
  beforeEach(async () => {
    runDir = await temporaryFolder();
    await mkdir(join(runDir, "jobs"));
    main = await fakeEngine(runDir);
    env = { ...process.env };
  });
  afterEach(async () => {
    for (const pid of await waiting()) process.kill(pid, "SIGKILL");
  });

  it("has no claim, and is the one that takes the next job", async () => {
    const [first, second] = [await aStem("first"), await aStem("second")];
    await start(first);
    const pid = await theWaiting();
    await exitOf(first);
    expect((await claimOf(first)).pid).not.toBe(pid);
    expect(await start(second)).toMatchObject({ pid });
    expect(await exitOf(second)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect((await claimOf(second)).pid).toBe(pid);
    expect(await readFile(join(runDir, "second.log"), "utf8")).toBe("second\n");
  });

  it("is not the keeper of a job with another environment, and goes then", async () => {
    await start(await aStem("first"));
    const pid = await theWaiting();
    env = { ...env, OTHER: "1" };
    const second = await aStem("second");
    expect((await start(second))?.pid).not.toBe(pid);
    expect(await exitOf(second)).toMatchObject({ exit_code: 0 });
    await until(async () => ((await waiting()).includes(pid) ? undefined : true));
  });

  it("is followed by one that is started at once where it was killed", async () => {
    await start(await aStem("first"));
    const pid = await theWaiting();
    process.kill(pid, "SIGKILL");
    await until(async () => ((await waiting()).includes(pid) ? undefined : true));
    const second = await aStem("second");
    await start(second);
    expect(await exitOf(second)).toMatchObject({ exit_code: 0 });
  });

  it("ends with the server that was killed, while the job that it was given does not", async () => {
    const stem = await aStem("first");
    const server: ChildProcess = spawn(process.execPath, [main, "start", stem], { stdio: "ignore" });
    await theWaiting();
    server.kill("SIGKILL");
    await once(server, "exit");
    await until(async () => ((await waiting()).length + (await waiting("engine")).length === 0 ? true : undefined));
    expect(await exitOf(stem)).toMatchObject({ outcome: "exited", exit_code: 0 });
  });

  it("tells how the program ended that it had started with it", async () => {
    expect(await exitOf(await startSecond("fails", ["fail", "3"]))).toMatchObject({ outcome: "exited", exit_code: 3 });
    const hangs = await startSecond("limited", ["hang"], { time_limit_sec: 0.3 });
    expect(await exitOf(hangs)).toMatchObject({ outcome: "timeout" });
  });

  it("starts its program anew where the one that waited was killed", async () => {
    await start(await aStem("first"));
    await theWaiting();
    const program = await theProgram();
    process.kill(program, "SIGKILL");
    await until(async () => ((await waiting("engine")).includes(program) ? undefined : true));
    const second = await aStem("second");
    await start(second);
    expect(await exitOf(second)).toMatchObject({ outcome: "exited", exit_code: 0 });
    expect(await readFile(join(runDir, "second.log"), "utf8")).toBe("second\n");
  });
});
