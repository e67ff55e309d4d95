import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, utimes } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { isOwnerAlive } from "../../../server/exec/identity.ts";
import { staleMs, withLock } from "../../../server/fs/lock.ts";
import { commit, readRun, withRun } from "../../../server/journal/journal.ts";
import { runPaths } from "../../../server/run/paths.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { buildCommitChild } from "../../support/commit-child.ts";
import { leftovers } from "../../support/commit-kinds.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const shared = folderOfFile();
const ours = { iter: "baseline", stage: "train", status: "ok", summary: "ours", duration_sec: 1 } as const;
let bin: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  bin = await buildCommitChild(shared.path);
});
afterEach(() => void child?.kill("SIGKILL"));

/** A process that stopped in the middle of a commit, holding the lock; `goOn` lets it, and says how it ended. */
async function stalledAt(step: string, runDir: string) {
  const started = spawn(process.execPath, [bin, "stage", runDir], { env: { ...process.env, DEFT_STOP_AT: step } });
  child = started;
  let stdout = "";
  started.stdout.on("data", (piece) => {
    stdout += String(piece);
  });
  const ended = new Promise<void>((resolve) => started.once("close", () => resolve()));
  for (let state = ""; !state.startsWith("T"); await sleep(20)) {
    state = (await execa("ps", ["-o", "stat=", "-p", String(started.pid)])).stdout.trim();
  }
  const goOn = async () => {
    started.kill("SIGCONT");
    await ended;
    return JSON.parse(stdout);
  };
  return { pid: started.pid, goOn };
}

/** The lock as a process leaves it that has not refreshed it for longer than a lock may stay so. */
async function longSilent(runDir: string): Promise<void> {
  const then = (Date.now() - staleMs - 1000) / 1000;
  await utimes(runPaths(runDir).lock, then, then);
}

const steps = ["record", "link", "log", "state", "prune"] as const;

describe("an owner that stalls in the middle of a commit", () => {
  it.each(steps)("is refused there once another went on, and nothing is lost: %s", async (step) => {
    const runDir = await aRun(await temporaryFolder());
    const stalled = await stalledAt(step, runDir);
    await longSilent(runDir);
    await withRun(runDir, (run) => commit(run, run.state, ours, testDeps()));
    const taken = await readFile(runPaths(runDir).state, "utf8");
    expect((await stalled.goOn()).refused).toMatchObject({ code: "state.lock-lost" });
    const { entries, integrity } = await readRun(runDir);
    // Where its record was in place already, the new owner published its commit first.
    const made = step === "record" || step === "link" ? [] : ["Train"];
    expect(entries.map(({ seq, summary }) => [seq, summary])).toEqual(
      [...made, "ours"].map((summary, at) => [at + 1, summary]),
    );
    expect(integrity).toEqual({ ok: true });
    expect(await readFile(runPaths(runDir).state, "utf8")).toBe(taken);
    expect(await leftovers(runDir)).toEqual([]);
  });

  it.each(steps)("is refused though records were cleared away that it missed: %s", async (step) => {
    const runDir = await aRun(await temporaryFolder());
    const stalled = await stalledAt(step, runDir);
    await longSilent(runDir);
    for (let count = 0; count < 3; count++) await withRun(runDir, (run) => commit(run, run.state, ours, testDeps()));
    expect((await stalled.goOn()).refused).toMatchObject({ code: "state.lock-lost" });
    const { entries, integrity, state } = await readRun(runDir);
    expect(integrity).toEqual({ ok: true });
    expect(entries.filter(({ summary }) => summary === "ours")).toHaveLength(3);
    expect(state.revision).toBe(entries.length + 1);
    expect(await readdir(runPaths(runDir).commits)).toEqual([String(state.revision)]);
  });

  it("keeps its lock as long as it may be alive and young, is named, and finishes", async () => {
    const runDir = await aRun(await temporaryFolder());
    const stalled = await stalledAt("log", runDir);
    const impatient = { owner: { pid: 1 }, isAlive: isOwnerAlive, waitMs: 300 };
    const refusal = await refusalOf(() => withLock(runPaths(runDir).lock, impatient, async () => undefined));
    expect(refusal).toMatchObject({ code: "state.locked", facts: { owner: { pid: stalled.pid } } });
    expect((await stalled.goOn()).refused).toBeUndefined();
    expect((await readRun(runDir)).entries.map(({ summary }) => summary)).toEqual(["Train"]);
  });

  it("frees its lock at once when it is killed", async () => {
    const runDir = await aRun(await temporaryFolder());
    await stalledAt("log", runDir);
    const ended = new Promise((resolve) => child?.once("close", resolve));
    child?.kill("SIGKILL");
    await ended;
    const notes = await withRun(runDir, async (run) => run.notes);
    expect(notes).toEqual(["finished the interrupted commit of baseline train"]);
  });
});
