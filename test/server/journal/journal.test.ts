import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { commit, commitAccepted, readRun, withRun } from "../../../server/journal/journal.ts";
import type { CommitStep } from "../../../server/journal/records.ts";
import type { NewEntry } from "../../../server/journal/seal.ts";
import { nextSeq } from "../../../server/loop/next-seq.ts";
import { runPaths } from "../../../server/run/paths.ts";
import type { RunState } from "../../../server/run/state.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const deps = testDeps();
const entry: NewEntry = {
  iter: "baseline",
  stage: "train",
  status: "ok",
  summary: "Train: val_loss=0.1",
  duration_sec: 3,
};

const trained = (state: RunState): RunState => ({
  ...state,
  iterations: { baseline: { status: "in_progress", stage_completed: "train" } },
});

async function commitTrain(runDir: string, hook?: (step: CommitStep) => void) {
  return await withRun(runDir, (run) => commit(run, trained(run.state), entry, deps, hook));
}

describe("commit", () => {
  it("writes the state and one numbered, chained line", async () => {
    const runDir = await aRun(await temporaryFolder());
    await commitTrain(runDir);
    await withRun(runDir, (run) => commit(run, run.state, { ...entry, stage: "evaluate" }, deps));
    const run = await readRun(runDir);
    expect(run.entries.map(({ seq, stage }) => [seq, stage])).toEqual([
      [1, "train"],
      [2, "evaluate"],
    ]);
    expect(run.state.iterations.baseline?.stage_completed).toBe("train");
    expect(run.integrity).toEqual({ ok: true });
    const first = JSON.parse((await readFile(runPaths(runDir).log, "utf8")).split("\n")[0] ?? "");
    expect(Object.keys(first)).toEqual([
      "seq",
      "ts",
      "iter",
      "stage",
      "status",
      "summary",
      "duration_sec",
      "context_tokens",
      "entry_digest",
    ]);
    expect(first.ts).toBe("2026-11-21T10:00:00.000000Z");
  });

  const steps: CommitStep[] = ["record", "link", "log", "state", "prune"];
  it.each(steps)("interrupted before %s leaves exactly the state before or the state after", async (fatal) => {
    const runDir = await aRun(await temporaryFolder());
    const killed = commitTrain(runDir, (step) => {
      if (step === fatal) throw new Error("killed");
    });
    await expect(killed).rejects.toThrow("killed");
    const after = fatal !== "record" && fatal !== "link";
    const seen = await readRun(runDir);
    expect(seen.entries).toHaveLength(after ? 1 : 0);
    expect(await nextSeq(runDir)).toBe(after ? 2 : 1);
    await withRun(runDir, async (run) => {
      expect(run.entries).toHaveLength(after ? 1 : 0);
      expect(run.state.iterations.baseline?.stage_completed).toBe(after ? "train" : undefined);
      expect(run.state.pending).toBeUndefined();
    });
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
  });

  it("completes a line that was written in part, and sets what is no part of it aside", async () => {
    const runDir = await aRun(await temporaryFolder());
    const { log } = runPaths(runDir);
    const cutAt = async (fatal: CommitStep) =>
      await expect(
        commitTrain(runDir, (step) => {
          if (step === fatal) throw new Error("killed");
        }),
      ).rejects.toThrow("killed");
    await cutAt("state");
    const whole = await readFile(log, "utf8");
    await writeFile(log, whole.slice(0, 20));
    expect((await withRun(runDir, async (run) => run.notes)).join()).toBe(
      "finished the interrupted commit of baseline train",
    );
    expect(await readFile(log, "utf8")).toBe(whole);
    await appendFile(log, '{"seq": 2, "ts"');
    await expect(commitTrain(runDir)).resolves.toMatchObject({ seq: 2 });
    const aside = (await readdir(runDir)).filter((name) => name.includes(".torn-"));
    expect(await Promise.all(aside.map((name) => readFile(join(runDir, name), "utf8")))).toEqual(['{"seq": 2, "ts"']);
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
  });
});

describe("integrity", () => {
  const edits: [string, (runDir: string) => Promise<void>, string][] = [
    [
      "an edited state",
      (runDir) => editState(runDir, (state) => ({ ...state, max_iterations: 9 })),
      "deft_state.json was edited: max_iterations",
    ],
    [
      "an edited entry",
      (runDir) => editLog(runDir, (lines) => lines.map((line) => line.replace("val_loss=0.1", "val_loss=0.0"))),
      "an entry of loop_log.jsonl was edited",
    ],
    [
      "a removed last line",
      (runDir) => editLog(runDir, (lines) => lines.slice(0, -1)),
      "loop_log.jsonl lost its last lines",
    ],
    [
      "a repeated line",
      (runDir) => editLog(runDir, (lines) => [...lines, ...lines.slice(-1)]),
      "loop_log.jsonl lost, gained or repeats a line",
    ],
    [
      "a removed first line",
      (runDir) => editLog(runDir, (lines) => lines.slice(1)),
      "loop_log.jsonl lost, gained or repeats a line",
    ],
    [
      "a removed integrity record",
      (runDir) => editState(runDir, ({ integrity: _gone, ...rest }) => rest),
      "deft_state.json lost its integrity record",
    ],
  ];
  it.each(edits)("names %s and refuses to go on", async (_name, edit, what) => {
    const runDir = await aRun(await temporaryFolder());
    await commitTrain(runDir);
    await withRun(runDir, (run) => commit(run, run.state, { ...entry, stage: "evaluate" }, deps));
    await edit(runDir);
    expect((await readRun(runDir)).integrity).toMatchObject({ ok: false, what });
    expect((await refusalOf(() => withRun(runDir, async () => undefined))).code).toBe("state.tampered");
  });

  it("sees a state that was replaced by an older copy", async () => {
    const runDir = await aRun(await temporaryFolder());
    await commitTrain(runDir);
    const old = await readFile(runPaths(runDir).state, "utf8");
    await withRun(runDir, (run) => commit(run, run.state, { ...entry, stage: "evaluate" }, deps));
    await writeFile(runPaths(runDir).state, old);
    expect((await readRun(runDir)).integrity).toMatchObject({
      ok: false,
      what: "deft_state.json was replaced by an older copy",
    });
  });

  it("raises no alarm when tokens are filled in", async () => {
    const runDir = await aRun(await temporaryFolder());
    await commitTrain(runDir);
    await editLog(runDir, (lines) =>
      lines.map((line) => JSON.stringify({ ...JSON.parse(line), context_tokens: 9, tokens: { input: 1 } })),
    );
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
  });

  it("goes on from what a human accepted, and still sees the next edit", async () => {
    const runDir = await aRun(await temporaryFolder());
    await commitTrain(runDir);
    await editLog(runDir, (lines) => lines.map((line) => line.replace("val_loss=0.1", "val_loss=0.2")));
    await withRun(runDir, (run) => commitAccepted(run, run.state), { allowTampered: true });
    await withRun(runDir, (run) => commit(run, run.state, { ...entry, stage: "evaluate" }, deps));
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
    await editLog(runDir, (lines) => lines.map((line) => line.replace("val_loss=0.2", "val_loss=0.3")));
    expect((await readRun(runDir)).integrity.ok).toBe(false);
  });
});

describe("opening a run", () => {
  it("refuses broken JSON, foreign versions and a directory without a state", async () => {
    const folder = await temporaryFolder();
    expect((await refusalOf(() => readRun(folder))).code).toBe("input.no-run");
    const runDir = await aRun(folder);
    await writeFile(runPaths(runDir).state, "{");
    expect((await refusalOf(() => readRun(runDir))).code).toBe("state.corrupt");
    await writeFile(runPaths(runDir).state, JSON.stringify({ version: 4 }));
    expect((await refusalOf(() => readRun(runDir))).code).toBe("state.foreign-version");
    await writeFile(runPaths(runDir).state, JSON.stringify({ version: 2, iterations: {} }));
    expect((await refusalOf(() => readRun(runDir))).code).toBe("state.foreign-version");
  });

  it("names a log line that is no entry", async () => {
    const runDir = await aRun(await temporaryFolder());
    await appendFile(runPaths(runDir).log, "nonsense\n");
    const refusal = await refusalOf(() => readRun(runDir));
    expect(refusal.code).toBe("state.corrupt");
    expect(refusal.facts).toMatchObject({ line: 1 });
  });

  it("gives eight writers one sequence without gaps or doubles", async () => {
    const runDir = await aRun(await temporaryFolder());
    const writer = async () => {
      for (let count = 0; count < 5; count++) {
        await withRun(runDir, (run) => commit(run, run.state, entry, deps));
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
    const run = await readRun(runDir);
    expect(run.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(run.integrity).toEqual({ ok: true });
  });
});

async function editState(runDir: string, edit: (state: RunState) => object): Promise<void> {
  const path = runPaths(runDir).state;
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, "utf8")))));
}

async function editLog(runDir: string, edit: (lines: string[]) => string[]): Promise<void> {
  const path = runPaths(runDir).log;
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  await writeFile(
    path,
    edit(lines)
      .map((line) => `${line}\n`)
      .join(""),
  );
}
