import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { commit, commitState, readRun, withRun } from "../../../server/journal/journal.ts";
import { loopStatus } from "../../../server/loop/status.ts";
import { runPaths } from "../../../server/run/paths.ts";
import type { IterationState } from "../../../server/run/state.ts";
import { testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { longRun, trained } from "../../support/long-run.ts";

const newFolder = temporaryFolders();
let home: string;
let deps: ReturnType<typeof testDeps>;

beforeEach(async () => {
  home = await newFolder();
  deps = testDeps({ env: { XDG_STATE_HOME: join(home, "state") } });
});
afterEach(() => void jest.restoreAllMocks());

const ended = (at: number): IterationState => ({
  status: "complete",
  stage_completed: "rca",
  best_ckpt_path: join(home, `iter${at}`, "model.pth"),
  threshold: 0.5,
  far_pct: 12.5,
  ledger: { gap_rows: 40, mined: 115, train_rows: 4000 },
});

/** A run of so many ended iterations, and the names of its folder. */
async function runOf(iterations: number): Promise<string> {
  const runDir = join(home, `board${iterations}`, "results", "run_20261121_100000");
  const labelled = Array.from({ length: iterations }, (_, at) => [`iter${at + 1}`, ended(at + 1)] as const);
  await longRun(runDir, 20, deps, { iterations: Object.fromEntries(labelled), max_iterations: iterations + 1 });
  return runDir;
}

const train = (runDir: string) => withRun(runDir, (run) => commit(run, run.state, trained, deps), deps);

/** JSON texts that a piece of work read and made, values by values: what grows with every part that it looks into. */
async function textsOf(work: () => Promise<unknown>): Promise<{ read: number; made: number }> {
  const [read, made] = [jest.spyOn(JSON, "parse"), jest.spyOn(JSON, "stringify")];
  try {
    await work();
    const characters = read.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
    return { read: characters, made: made.mock.calls.length };
  } finally {
    for (const spy of [read, made]) spy.mockRestore();
  }
}

describe("a run of 200 iterations", () => {
  it("costs a commit, and a look at it, no more than twice the work of one of 10", async () => {
    const [short, long] = [await runOf(10), await runOf(200)];
    for (const runDir of [short, long]) await train(runDir);
    for (const call of [train, (runDir: string) => loopStatus(runDir, deps)]) {
      const [few, many] = [await textsOf(() => call(short)), await textsOf(() => call(long))];
      expect(few.made).toBeGreaterThan(0);
      expect(many.made).toBeLessThan(2 * few.made);
      expect(many.read).toBeLessThan(2 * few.read);
    }
  });

  it("is proved as a whole by each call that reads it: an edit of one of its iterations is named", async () => {
    const runDir = await runOf(200);
    await train(runDir);
    expect((await readRun(runDir, deps)).integrity).toEqual({ ok: true });
    const { state } = runPaths(runDir);
    const text = await readFile(state, "utf8");
    await writeFile(state, text.replace(join(home, "iter77", "model.pth"), join(home, "iter78", "model.pth")));
    expect((await readRun(runDir, deps)).integrity).toMatchObject({
      ok: false,
      facts: { changed: ["iterations.iter77"] },
    });
    await writeFile(state, text);
    expect((await readRun(runDir, deps)).integrity).toEqual({ ok: true });
  });

  it("seals what changed of it like a run that was read anew", async () => {
    const runDir = await runOf(20);
    const marked = { ...ended(7), far_pct: 3 };
    await withRun(
      runDir,
      ({ state, ...run }) =>
        commitState({ ...run, state }, { ...state, iterations: { ...state.iterations, iter7: marked } }),
      deps,
    );
    const text = await readFile(runPaths(runDir).state, "utf8");
    expect(Object.keys(JSON.parse(text).iterations)).toEqual(Array.from({ length: 20 }, (_, at) => `iter${at + 1}`));
    expect(JSON.parse(text).iterations.iter7.far_pct).toBe(3);
    expect((await readRun(runDir, deps)).integrity).toEqual({ ok: true });
  });

  it("takes no iteration that has not its shape, and none that was changed in place", async () => {
    const runDir = await runOf(3);
    const broken = { ...ended(2), far_pct: "low" } as unknown as IterationState;
    const put = (iter2: IterationState) =>
      withRun(
        runDir,
        (run) => commitState(run, { ...run.state, iterations: { ...run.state.iterations, iter2 } }),
        deps,
      );
    await expect(put(broken)).rejects.toThrow("far_pct");
    const { iterations } = (await readRun(runDir, deps)).state;
    expect(() => Object.assign(iterations.iter2 ?? {}, { far_pct: 0 })).toThrow(TypeError);
    expect(() => Object.assign(iterations.iter2?.ledger ?? {}, { mined: 0 })).toThrow(TypeError);
  });
});
