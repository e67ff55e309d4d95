import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { commitState, withRun } from "../../../server/journal/journal.ts";
import { knownRuns } from "../../../server/preflight/known-runs.ts";
import { type FoundRun, findRuns } from "../../../server/preflight/unfinished.ts";
import { testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { longRun } from "../../support/long-run.ts";

const newFolder = temporaryFolders();
const count = 80;
let folder: string;
let deps: ReturnType<typeof testDeps>;
let dirs: string[];

beforeEach(async () => {
  folder = await newFolder();
  const env = { XDG_STATE_HOME: join(folder, "state"), XDG_CACHE_HOME: join(folder, "cache") };
  deps = testDeps({ env, cwd: folder });
  const names = Array.from({ length: count }, (_, at) => `run_20261121_${String(100_000 + at)}`);
  dirs = names.map((name, at) => join(folder, `board${at % 2}`, "results", name));
  for (const dir of dirs) await longRun(dir, 3, deps);
});

const state = (dir: string) => join(dir, "deft_state.json");

/** What the lists of a user and of a workspace say of one run, which must be the same. */
async function listed(dir: string): Promise<FoundRun | undefined> {
  const all = (await knownRuns(deps)).find(({ run_dir }) => run_dir === dir);
  const here = (await findRuns(join(dir, "..", ".."), deps.env)).find(({ run_dir }) => run_dir === dir);
  expect(all).toEqual(here);
  return all;
}

describe("a list of many runs that was made before", () => {
  let dir: string;
  beforeEach(async () => {
    dir = dirs[5] ?? "";
    expect(await knownRuns(deps)).toHaveLength(count);
    expect(await listed(dir)).toMatchObject({ unfinished: true, last_event: { seq: 3 } });
  });

  it("shows what was committed since", async () => {
    const closed = { status: "complete", completed_at: "2026-11-21T10:00:00Z" } as const;
    await withRun(dir, (run) => commitState(run, { ...run.state, ...closed }), deps);
    expect(await listed(dir)).toMatchObject({ unfinished: false, status: "complete" });
  });

  it("shows what was logged since, and not a torn line", async () => {
    const [last] = (await readFile(join(dir, "loop_log.jsonl"), "utf8")).trimEnd().split("\n").slice(-1);
    await appendFile(join(dir, "loop_log.jsonl"), `${last?.replace('"seq":3', '"seq":4')}\n{"seq":5,`);
    expect(await listed(dir)).toMatchObject({ last_event: { seq: 4 } });
  });

  it("shows a half-written state as unreadable, and as it was once it is whole again", async () => {
    const text = await readFile(state(dir), "utf8");
    await writeFile(state(dir), text.slice(0, text.length / 2));
    expect(await listed(dir)).toMatchObject({ kind: "unreadable", note: expect.any(String) });
    await writeFile(state(dir), text);
    expect(await listed(dir)).toMatchObject({ kind: "ours", unfinished: true });
  });

  it("leaves out a run that was removed, and has a new one", async () => {
    await rm(dir, { recursive: true });
    const added = join(folder, "board2", "results", "run_20261122_100000");
    await longRun(added, 1, deps);
    expect(await listed(dir)).toBeUndefined();
    expect(await listed(added)).toMatchObject({ last_event: { seq: 1 } });
    expect(await knownRuns(deps)).toHaveLength(count);
  });
});
