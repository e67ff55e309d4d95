import { type ChildProcess, spawn } from "node:child_process";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { withLock } from "../../../server/fs/lock.ts";
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

/** The lock as a process on another host leaves it that has shown no life for ten minutes. */
async function silentElsewhere(runDir: string): Promise<void> {
  const path = join(runPaths(runDir).lock, "owner.json");
  const owner = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...owner, host: "elsewhere" }));
  const then = Date.now() / 1000 - 600;
  await utimes(path, then, then);
}

describe("an owner that stalls in the middle of a commit", () => {
  const before = ["state-with-pending"];
  it.each(["state-with-pending", "log-line", "state-clean"])(
    "writes nothing more once another took over: %s",
    async (step) => {
      const runDir = await aRun(await temporaryFolder());
      const stalled = await stalledAt(step, runDir);
      await silentElsewhere(runDir);
      await withRun(runDir, (run) => commit(run, run.state, ours, testDeps()));
      const taken = await readFile(runPaths(runDir).state, "utf8");
      expect((await stalled.goOn()).refused).toMatchObject({ code: "state.lock-lost" });
      const { entries, integrity } = await readRun(runDir);
      // Where its state was on disk already, the new owner finished its commit first.
      expect(entries.map(({ seq, summary }) => [seq, summary])).toEqual(
        before.includes(step)
          ? [[1, "ours"]]
          : [
              [1, "Train"],
              [2, "ours"],
            ],
      );
      expect(integrity).toEqual({ ok: true });
      expect(await readFile(runPaths(runDir).state, "utf8")).toBe(taken);
      expect(await leftovers(runDir)).toEqual([]);
    },
  );

  it("keeps its lock on this host, where it is seen to live, and finishes", async () => {
    const runDir = await aRun(await temporaryFolder());
    const stalled = await stalledAt("log-line", runDir);
    const owner = join(runPaths(runDir).lock, "owner.json");
    await utimes(owner, 1, 1);
    const impatient = { owner: { pid: 1 }, isAlive: async () => false, waitMs: 300 };
    const refusal = await refusalOf(() => withLock(runPaths(runDir).lock, impatient, async () => undefined));
    expect(refusal).toMatchObject({ code: "state.locked", facts: { owner: { pid: stalled.pid } } });
    expect((await stalled.goOn()).refused).toBeUndefined();
    expect((await readRun(runDir)).entries.map(({ summary }) => summary)).toEqual(["Train"]);
  });
});
