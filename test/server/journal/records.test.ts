import { writeFileSync } from "node:fs";
import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { commit, commitState, createState, readRun, withRun } from "../../../server/journal/journal.ts";
import type { CommitStep } from "../../../server/journal/records.ts";
import { load } from "../../../server/report/load.ts";
import { runPaths } from "../../../server/run/paths.ts";
import { aRun, aState, testDeps } from "../../support/a-run.ts";
import { buildCommitChild, tryCommit } from "../../support/commit-child.ts";
import { folderOfFile, temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const temporaryFolder = temporaryFolders();
const shared = folderOfFile();
const deps = testDeps();
const entry = { iter: "baseline", stage: "train", status: "ok", summary: "s", duration_sec: 1 } as const;
let child: string;
let runDir: string;

beforeAll(async () => {
  child = await buildCommitChild(shared.path);
});
beforeEach(async () => {
  runDir = await aRun(await temporaryFolder());
});

const train = () => withRun(runDir, (run) => commit(run, run.state, entry, deps));

/** Leaves a commit as a kill at one of its steps does. */
async function killedAt(fatal: CommitStep): Promise<void> {
  const killed = withRun(runDir, async (run) => {
    await commit(run, { ...run.state, max_iterations: 9 }, entry, deps, (step) => {
      if (step === fatal) throw new Error("killed");
    });
  });
  await expect(killed).rejects.toThrow("killed");
}

const committed = () => join(runPaths(runDir).commits, "2");

describe("a commit that is made and not published", () => {
  it.each<CommitStep>(["log", "state"])("is seen by readers, who write nothing: cut short before %s", async (fatal) => {
    await killedAt(fatal);
    const before = await readFile(runPaths(runDir).state, "utf8");
    const { state, entries, integrity } = await readRun(runDir);
    expect([state.max_iterations, entries.map(({ seq }) => seq), integrity]).toEqual([9, [1], { ok: true }]);
    const report = await load(runDir, deps);
    expect([report.max_iterations, report.events.length, report.integrity.status]).toEqual([9, 1, "intact"]);
    expect(await readFile(runPaths(runDir).state, "utf8")).toBe(before);
  });

  it("is published by the next change, which leaves nothing but the newest record", async () => {
    await killedAt("log");
    await train();
    expect(await readdir(runPaths(runDir).commits)).toEqual(["3"]);
    expect((await readRun(runDir)).entries).toHaveLength(2);
  });

  it.each([
    ["edited", (text: string) => text.replace('"max_iterations":9', '"max_iterations":99')],
    ["no record at all", () => "{"],
  ])("is named and not believed where its record is %s", async (_what, edit) => {
    await killedAt("log");
    const text = await readFile(committed(), "utf8");
    expect(edit(text)).not.toBe(text);
    await writeFile(committed(), edit(text));
    const what = "the record of commit 2 was edited";
    expect(await readRun(runDir)).toMatchObject({ state: { max_iterations: 2 }, entries: [], integrity: { what } });
    expect((await load(runDir, deps)).integrity).toEqual({ status: "tampered", findings: [what] });
    expect((await refusalOf(train)).code).toBe("state.tampered");
  });

  it("does not cover up what was edited in the state or the log before it was published", async () => {
    await killedAt("log");
    await cp(runDir, `${runDir}.kept`, { recursive: true });
    const { state, log } = runPaths(runDir);
    await writeFile(state, (await readFile(state, "utf8")).replace('"max_iterations": 2', '"max_iterations": 5'));
    expect((await readRun(runDir)).integrity).toMatchObject({ what: "deft_state.json was edited: max_iterations" });
    await cp(`${runDir}.kept`, runDir, { recursive: true });
    await appendFile(log, `${JSON.stringify({ seq: 1, ts: "2026-11-21T10:00:00Z", ...entry, context_tokens: 0 })}\n`);
    expect((await readRun(runDir)).integrity.ok).toBe(false);
    expect((await refusalOf(train)).code).toBe("state.tampered");
    await rm(`${runDir}.kept`, { recursive: true });
  });
});

describe("a revision", () => {
  it("is made once, whatever the lock says", async () => {
    const outcome = await withRun(runDir, async (run) => {
      const both = [1, 2].map((n) => commitState(run, { ...run.state, max_iterations: n + 2 }));
      return await Promise.allSettled(both);
    });
    const failed = outcome.filter(({ status }) => status === "rejected");
    expect(failed).toMatchObject([{ reason: { code: "state.lock-lost" } }]);
    expect((await readRun(runDir)).state.revision).toBe(2);
  });

  it("is not made again once its record was cleared away", async () => {
    const refusal = await withRun(runDir, async (run) => {
      return await refusalOf(() =>
        commit(run, run.state, entry, deps, (step) => {
          // At the last instant before the link the run is two commits further, and number 2 is free again.
          if (step === "link") writeFileSync(join(runPaths(runDir).commits, "4"), "{}");
        }),
      );
    });
    expect(refusal.code).toBe("state.lock-lost");
    expect(await readdir(runPaths(runDir).commits)).toEqual(["4"]);
  });

  it("is the first for one of two who create the run", async () => {
    const dir = join(await temporaryFolder(), "run_20261121_100000");
    await mkdir(dir);
    const create = (n: number) => createState(dir, aState(dir, { max_iterations: n }));
    const outcome = await Promise.allSettled([create(3), create(4)]);
    const [won] = outcome.flatMap(({ status }, at) => (status === "fulfilled" ? [at + 3] : []));
    expect(outcome.filter(({ status }) => status === "rejected")).toMatchObject([
      { reason: { code: "state.lock-lost" } },
    ]);
    expect((await readRun(dir)).state.max_iterations).toBe(won);
    expect(await readdir(dir)).toEqual(["deft_state.json"]);
  });
});

describe("a file system without hard links", () => {
  it.each(["stage", "create"])("is named with what to do: %s", async (kind) => {
    const dir = kind === "create" ? join(await temporaryFolder(), "run_20261121_100000") : runDir;
    await mkdir(dir, { recursive: true });
    const { refused } = await tryCommit(child, [kind, dir], { env: { DEFT_NO_LINKS: "1" } });
    expect(refused).toMatchObject({ code: "input.no-hard-links", facts: { errno: "EPERM" } });
    expect((await readdir(dir, { recursive: true })).filter((name) => /\.(tmp|due)$/.test(name))).toEqual([]);
  });
});
