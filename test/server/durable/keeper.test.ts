import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { claimState } from "../../../server/durable/claim.ts";
import { beginKeeper, ensureKeeper, isKept, keep, startKeeper } from "../../../server/durable/keeper.ts";
import { readExit, readTrouble, workFiles } from "../../../server/durable/work.ts";
import { errnoOf, Refusal } from "../../../server/errors.ts";
import { identityOf } from "../../../server/exec/identity.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();

/** Work of which every turn, its `begin` and its `end`, is a line of one file. */
async function someWork(argv: readonly string[] = []) {
  const home = await folder();
  await mkdir(join(home, "jobs"));
  const stem = join(home, "jobs", "work");
  const main = await fakeEngine(home);
  const lines = join(home, "lines.txt");
  await writeFile(lines, "");
  return {
    stem,
    lines: async () => (await readFile(lines, "utf8")).trim().split("\n"),
    keeper: { kind: "steps", stem, main, env: process.env, wish: { lines, argv } },
  };
}

async function ownerOf(stem: string): Promise<number | undefined> {
  const claim = await claimState(stem);
  return claim.state === "held" ? claim.owner?.pid : undefined;
}

/** Kills a process and says whether it was still there: it may end of itself at any moment. */
function endedByUs(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
    return false;
  }
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(20)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("it did not happen in time");
}

describe("a keeper", () => {
  it("works alone, however many are started at once, and gives its claim back", async () => {
    const work = await someWork(["held"]);
    const started = await Promise.all(Array.from({ length: 6 }, () => startKeeper(work.keeper)));
    const alive = async () => (await Promise.all(started.map((one) => one && identityOf(one.pid)))).filter(Boolean);
    await until(async () => ((await isKept(work.stem)) && (await alive()).length === 1) || undefined);
    await writeFile(`${work.stem}.go`, "");
    await until(async () => (await claimState(work.stem)).state === "free" || undefined);
    expect(await work.lines()).toEqual(["begin", "end"]);
    expect(await readdir(join(work.stem, ".."))).not.toContain("work.claim");
  });

  it("tells why it gave up once, to the next caller, and is then tried again", async () => {
    const work = await someWork(["refuse"]);
    await ensureKeeper(work.keeper);
    await until(async () => ((await isKept(work.stem)) ? undefined : await readTrouble(work.stem)));
    const refusal = await refusalOf(() => ensureKeeper(work.keeper));
    expect([refusal.code, refusal.facts]).toEqual(["executor.registry", { host: "registry" }]);
    await beginKeeper(work.keeper);
    await until(async () => (await work.lines()).filter((line) => line === "begin").length === 2 || undefined);
  });

  it("that breaks off says so too, and one that begins again forgets the trouble of the last", async () => {
    const stem = join(await folder(), "work");
    const broken = { run: () => Promise.reject(new Error("a defect")) };
    await keep(stem, broken, {});
    expect((await readTrouble(stem))?.facts.reason).toContain("a defect");
    await keep(stem, { run: async () => undefined }, {});
    expect(await readTrouble(stem)).toBeUndefined();
    expect(await claimState(stem)).toEqual({ state: "free" });
  });

  it("of work that starts once lets its failure out, and nobody follows it", async () => {
    const stem = join(await folder(), "work");
    const work = { once: true, run: () => Promise.reject(new Refusal("input.invalid", "no")) };
    expect((await refusalOf(() => keep(stem, work, {}))).code).toBe("input.invalid");
    expect(await claimState(stem)).toMatchObject({ state: "held" });
    await keep(stem, work, {});
  });

  it("killed at any moment is followed by exactly one, and the work is done to its end", async () => {
    const work = await someWork(["150"]);
    let killed = 0;
    while (killed < 12) {
      await Promise.all([ensureKeeper(work.keeper), ensureKeeper(work.keeper), ensureKeeper(work.keeper)]);
      const pid = await ownerOf(work.stem);
      await sleep(Math.random() * 120);
      if (pid === undefined || !endedByUs(pid)) continue;
      await until(async () => (await identityOf(pid)) === undefined || undefined);
      killed += 1;
    }
    // A keeper that is slow to begin is not waited for: whoever asks again sees to it.
    await until(async () => {
      await ensureKeeper(work.keeper);
      return (await work.lines()).at(-1) === "end" || undefined;
    });
    // Never two at a time: nobody begins between the begin and the end of another that lived.
    const lines = await work.lines();
    expect(lines.filter((line) => line === "twice")).toEqual([]);
    expect(lines.filter((line) => line === "begin").length).toBeGreaterThan(1);
  });
});

describe("work that starts once", () => {
  it("begins at most once whatever moment its keepers are killed at, and says how it ended where it did", async () => {
    const outcomes: string[] = [];
    for (let round = 0; round < 10; round++) {
      const work = await someWork();
      const counter = join(work.stem, "..", "count.txt");
      await writeFile(counter, "");
      const spec = {
        ...{ id: "work", image: "tao_pyt", argv: ["count", counter], mounts: [], env: {}, env_names: [] },
        ...{ workdir: join(work.stem, ".."), gpus: "none", ipc_host: false, user: "host" },
        log_path: `${work.stem}.log`,
      };
      const record = { spec, platform: "embedded", created_at: "2026-11-21T10:00:00+00:00" };
      await writeFile(workFiles(work.stem).record, JSON.stringify(record));
      const keepers = await Promise.all([1, 2, 3].map(() => startKeeper({ ...work.keeper, kind: "engine" })));
      await sleep(Math.random() * 700);
      const [victim] = keepers;
      if (victim) endedByUs(victim.pid);
      await until(async () => {
        const alive = await Promise.all(keepers.map(async (one) => one && (await identityOf(one.pid))));
        return alive.every((one) => one === undefined) || undefined;
      });
      const begun = (await readFile(counter, "utf8")).split("\n").filter(Boolean).length;
      const exit = await readExit(work.stem);
      expect(begun).toBeLessThanOrEqual(1);
      if (exit !== undefined) expect([begun, exit.exit_code]).toEqual([1, 0]);
      outcomes.push(exit?.outcome ?? (await claimState(work.stem)).state);
    }
    // Two of three keepers always live: only the one that was killed in the middle of the job leaves no exit.
    expect(outcomes.every((one) => one === "exited" || one === "left")).toBe(true);
  });
});
