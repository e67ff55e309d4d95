import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "@jest/globals";
import { canonicalJson } from "../../server/fs/hash.ts";
import { readRun } from "../../server/journal/journal.ts";
import type { RunState } from "../../server/run/state.ts";
import { aRun } from "./a-run.ts";
import { commitIn } from "./commit-child.ts";

const stop: Partial<RunState> = {
  status: "failed",
  iterations: { baseline: { status: "failed" } },
  hard_stop: { code: "stage.failed", message: "x", iteration: "baseline", stage: "train", at: "t", facts: {} },
};

/** One kind of commit of commit-child: the run that it starts from, below a folder, and how many states it passes. */
export type CommitKind = {
  readonly name: string;
  prepare(folder: string, child: string): Promise<string>;
  readonly steps: number;
};

export const commitKinds: readonly CommitKind[] = [
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

async function afterTraining(folder: string, child: string): Promise<string> {
  const runDir = await aRun(folder);
  await commitIn(child, ["stage", runDir]);
  return runDir;
}

/** What a reader finds, without what differs from one writer to the next; `no run` where there is none yet. */
export async function runAsFound(runDir: string): Promise<string> {
  const exists = await readFile(join(runDir, "deft_state.json"), "utf8").then(Boolean, () => false);
  if (!exists) return "no run";
  const run = await readRun(runDir);
  expect(run.integrity).toEqual({ ok: true });
  const { pending: _pending, ...state } = run.state;
  return canonicalJson({ state, entries: run.entries });
}

/** Files of a run that no undisturbed commit leaves: parts, locks, fragments set aside. */
export async function leftovers(runDir: string): Promise<string[]> {
  const names = await readdir(runDir, { recursive: true });
  return names.filter((name) => /\.tmp$|(^|\/)\.lock|\.torn-/.test(name));
}
