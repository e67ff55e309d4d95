import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { canonicalJson } from "../../../server/fs/hash.ts";
import { readRun, withRun } from "../../../server/loop/journal.ts";
import type { RunState } from "../../../server/run/state.ts";
import { aRun } from "../../support/a-run.ts";
import { buildCommitChild, commitIn } from "../../support/commit-child.ts";
import { temporaryFolders } from "../../support/folder.ts";

const temporaryFolder = temporaryFolders();
let child: string;

/** What a reader finds, without what differs from one writer to the next. */
async function found(runDir: string): Promise<string> {
  const run = await readRun(runDir);
  expect(run.integrity).toEqual({ ok: true });
  const { pending: _pending, ...state } = run.state;
  return canonicalJson({ state, entries: run.entries });
}

const stop: Partial<RunState> = {
  status: "failed",
  iterations: { baseline: { status: "failed" } },
  hard_stop: { code: "stage.failed", message: "x", iteration: "baseline", stage: "train", at: "t", facts: {} },
};

type Kind = { name: string; prepare: (folder: string) => Promise<string>; steps: number };
const kinds: Kind[] = [
  { name: "stage", prepare: (folder) => aRun(folder), steps: 1 },
  { name: "error", prepare: (folder) => aRun(folder), steps: 1 },
  { name: "approval", prepare: (folder) => aRun(folder), steps: 1 },
  { name: "acknowledge", prepare: (folder) => aRun(folder, stop), steps: 1 },
  { name: "finish", prepare: (folder) => aRun(folder, stop), steps: 3 },
  { name: "create", prepare: emptyRun, steps: 1 },
  { name: "adoption", prepare: emptyRun, steps: 1 },
  { name: "tokens", prepare: afterTraining, steps: 1 },
];

async function emptyRun(folder: string): Promise<string> {
  const runDir = join(folder, "results", "run_20261121_100000");
  await mkdir(join(runDir, "jobs"), { recursive: true });
  return runDir;
}

async function afterTraining(folder: string): Promise<string> {
  const runDir = await aRun(folder);
  await commitIn(child, ["stage", runDir]);
  return runDir;
}

describe("a commit killed at any touch of the disk", () => {
  beforeAll(async () => {
    const folder = join(process.cwd(), "node_modules", ".cache", "deft-kill");
    await mkdir(folder, { recursive: true });
    child = await buildCommitChild(folder);
  });

  it.each(kinds)("leaves the run before or after it: $name", async ({ name, prepare, steps }) => {
    const folder = await temporaryFolder();
    const runDir = await prepare(folder);
    const kept = `${folder}-kept`;
    await cp(folder, kept, { recursive: true });
    const begun = name !== "create" && name !== "adoption";
    const before = begun ? await found(runDir) : "no run";
    const touches = (await commitIn(child, [name, runDir])) ?? 0;
    expect(touches).toBeGreaterThanOrEqual(3);
    const after = await found(runDir);
    const seen = new Set<string>();
    for (let at = 1; at <= touches; at++) {
      await rm(folder, { recursive: true });
      await cp(kept, folder, { recursive: true });
      expect(await commitIn(child, [name, runDir], at)).toBeUndefined();
      const exists = await readFile(join(runDir, "deft_state.json"), "utf8").then(Boolean, () => false);
      if (exists) await withRun(runDir, async () => undefined);
      const now = exists ? await found(runDir) : "no run";
      seen.add(now);
      // Repeating the call after the kill leads to the very end of an undisturbed one.
      if (now === before) await commitIn(child, [name, runDir]);
      if (name === "finish") await commitIn(child, [name, runDir]);
      expect(await found(runDir)).toBe(after);
    }
    await rm(kept, { recursive: true });
    expect(seen.size).toBeLessThanOrEqual(1 + steps);
    for (const state of seen) if (steps === 1) expect([before, after]).toContain(state);
  });

  it("keeps eight writing processes in one line", async () => {
    const runDir = await aRun(await temporaryFolder());
    await Promise.all(Array.from({ length: 8 }, () => commitIn(child, ["many", runDir, "4"])));
    const run = await readRun(runDir);
    expect(run.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
    expect(run.integrity).toEqual({ ok: true });
  });
});
