import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { pruneHeads } from "../../../server/journal/heads.ts";
import { commit, commitState, readRun, withRun } from "../../../server/journal/journal.ts";
import { acknowledgeWith } from "../../../server/loop/approval/acknowledge.ts";
import { pendingStop } from "../../../server/loop/approval/pending-stop.ts";
import { load } from "../../../server/report/load.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { buildCommitChild, commitIn } from "../../support/commit-child.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import { killEvery } from "../../support/soak.ts";

const newFolder = temporaryFolders();
let home: string;
let runDir: string;
let deps: ReturnType<typeof testDeps>;

beforeEach(async () => {
  home = await newFolder();
  runDir = await aRun(join(home, "boards"));
  deps = testDeps({ env: { XDG_STATE_HOME: join(home, "state") } });
});

const entry = { iter: "baseline", stage: "train", status: "ok", summary: "s", duration_sec: 1 } as const;
const train = () => withRun(runDir, (run) => commit(run, run.state, entry, deps), deps);
const raise = () =>
  withRun(runDir, (run) => commitState(run, { ...run.state, max_iterations: run.state.max_iterations + 1 }), deps);
const open = () => withRun(runDir, async () => undefined, deps);
const heads = join("state", "deft-mcp", "heads");
const copy = async () => {
  await rm(`${runDir}.kept`, { recursive: true, force: true });
  await cp(runDir, `${runDir}.kept`, { recursive: true, preserveTimestamps: true });
};
const putBack = async () => {
  await rm(runDir, { recursive: true });
  await rename(`${runDir}.kept`, runDir);
};
const seen = async () => (await readRun(runDir, deps)).integrity;

describe("a run directory that is put back to an older copy as a whole", () => {
  it("is named at the next call, with both numbers, by readers and by writers", async () => {
    await train();
    await copy();
    await train();
    await putBack();
    expect((await readRun(runDir)).integrity).toEqual({ ok: true });
    const what = "the run directory was put back to an older copy";
    expect(await seen()).toMatchObject({ ok: false, what, facts: { last_seq: 1, recorded_last_seq: 2 } });
    const refusal = await refusalOf(open);
    expect([refusal.code, refusal.facts.recorded_last_seq]).toEqual(["state.tampered", 2]);
    const { integrity } = await load(runDir, deps);
    expect(integrity).toMatchObject({ status: "tampered", findings: [expect.stringContaining(what)] });
  });

  it("is named too where no log line lies between, as with an approval", async () => {
    await train();
    await copy();
    await raise();
    await putBack();
    expect(await seen()).toMatchObject({ ok: false, facts: { revision: 2, recorded_revision: 3 } });
  });

  it("goes on once a human accepted it, and a second time is named again", async () => {
    await train();
    await copy();
    await train();
    await putBack();
    const call = { deps } as Parameters<typeof acknowledgeWith>[4];
    await acknowledgeWith(runDir, await pendingStop(runDir, deps), "repaired", { how: "console" }, call);
    expect(await seen()).toEqual({ ok: true });
    await copy();
    await train();
    expect(await seen()).toEqual({ ok: true });
    await putBack();
    expect(await seen()).toMatchObject({ ok: false });
  });

  it("is named when it was continued elsewhere past the point that was known here", async () => {
    await train();
    await copy();
    await train();
    await putBack();
    for (let count = 0; count < 3; count++) {
      const elsewhere = testDeps({ env: { XDG_STATE_HOME: join(home, "other") } });
      const other = { ...entry, summary: "another" };
      await withRun(runDir, (run) => commit(run, run.state, other, elsewhere), elsewhere);
    }
    const what = "the run directory was exchanged for one with another history";
    expect(await seen()).toMatchObject({ ok: false, what, facts: { last_seq: 4, recorded_last_seq: 2 } });
  });
});

describe("a head that was there and is gone", () => {
  it("is named, since an older copy would not show any more, until a human accepts it", async () => {
    await train();
    await copy();
    await train();
    await rm(join(home, "state"), { recursive: true });
    const what = "the head of the run that was kept outside the workspace is gone";
    expect(await seen()).toMatchObject({ ok: false, what });
    expect((await refusalOf(open)).code).toBe("state.tampered");
    const call = { deps } as Parameters<typeof acknowledgeWith>[4];
    await acknowledgeWith(runDir, await pendingStop(runDir, deps), "repaired", { how: "console" }, call);
    await train();
    expect(await seen()).toEqual({ ok: true });
  });

  it("is no alarm on another machine, for another user or in a moved workspace", async () => {
    await train();
    await train();
    const elsewhere = testDeps({ env: { XDG_STATE_HOME: join(home, "other") } });
    expect((await readRun(runDir, elsewhere)).integrity).toEqual({ ok: true });
    await withRun(runDir, (run) => commit(run, run.state, entry, elsewhere), elsewhere);
    expect(await seen()).toEqual({ ok: true });
  });
});

describe("no alarm", () => {
  it("where the head was never found, is of another run, or not readable as one", async () => {
    await train();
    await rm(join(home, "state"), { recursive: true });
    expect(await seen()).toEqual({ ok: true });
    await train();
    const [name = ""] = await readdir(join(home, heads));
    await writeFile(join(home, heads, name), "{");
    expect(await seen()).toEqual({ ok: true });
    await train();
    expect(await seen()).toEqual({ ok: true });
  });

  it("where the run went on on another machine", async () => {
    await train();
    await withRun(runDir, (run) => commit(run, run.state, entry, deps));
    expect(await seen()).toEqual({ ok: true });
    await open();
    const [name = ""] = await readdir(join(home, heads));
    expect(JSON.parse(await readFile(join(home, heads, name), "utf8"))).toMatchObject({ last_seq: 2, revision: 3 });
  });

  it("after a kill at any touch of the disk, and the head lags by no more than that commit", async () => {
    const folder = join(process.cwd(), "node_modules", ".cache", "deft-heads");
    await mkdir(folder, { recursive: true });
    const child = await buildCommitChild(folder);
    process.env.DEFT_KEEP_HEADS = join(home, "state");
    try {
      await commitIn(child, ["stage", runDir]);
      await cp(home, `${home}-kept`, { recursive: true });
      const touches = (await commitIn(child, ["stage", runDir])) ?? 0;
      for (let at = touches; at >= 1; at -= killEvery) {
        await rm(home, { recursive: true });
        await cp(`${home}-kept`, home, { recursive: true });
        await commitIn(child, ["stage", runDir], at);
        const { integrity, head, state } = await readRun(runDir, deps);
        expect([at, integrity]).toEqual([at, { ok: true }]);
        expect((state.revision ?? 0) - (head?.revision ?? 0)).toBeLessThanOrEqual(1);
      }
      expect(touches).toBeGreaterThan(9);
    } finally {
      delete process.env.DEFT_KEEP_HEADS;
      await rm(`${home}-kept`, { recursive: true, force: true });
    }
  });
});

describe("the head", () => {
  it("is readable by this user alone", async () => {
    await train();
    const dir = join(home, heads);
    const [name = ""] = await readdir(dir);
    expect([(await stat(dir)).mode & 0o777, (await stat(join(dir, name))).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it("stops nothing where its folder takes no file", async () => {
    await mkdir(join(home, "state"));
    await writeFile(join(home, "state", "deft-mcp"), "");
    await train();
    expect(await seen()).toEqual({ ok: true });
  });
});

describe("heads of runs that were deleted", () => {
  const day = 24 * 3600 * 1000;
  const pruneAfter = (days: number) => pruneHeads(deps.env, new Date(Date.now() + days * day));
  const kept = async () => (await readdir(join(home, heads))).length;

  it("are removed once they are old, and that of a run that stands never is", async () => {
    await train();
    const gone = await aRun(join(home, "others"));
    await withRun(gone, (run) => commit(run, run.state, entry, deps), deps);
    expect(await kept()).toBe(2);
    await pruneAfter(100);
    expect(await kept()).toBe(2);
    await rm(gone, { recursive: true });
    await pruneAfter(80);
    expect(await kept()).toBe(2);
    await pruneAfter(100);
    expect(await kept()).toBe(1);
    expect(await seen()).toEqual({ ok: true });
  });

  it("stay where they cannot be read, and a folder that is not there is no trouble", async () => {
    await pruneAfter(100);
    await train();
    await writeFile(join(home, heads, `${"0".repeat(32)}.json`), "[");
    await pruneAfter(100);
    expect(await kept()).toBe(2);
  });
});

describe("a run that is no longer where it was created", () => {
  it("is refused when its directory was moved out of the workspace behind a link", async () => {
    await rename(runDir, join(home, "elsewhere"));
    await symlink(join(home, "elsewhere"), runDir);
    expect((await refusalOf(open)).code).toBe("gate.path-outside-workspace");
  });

  it.each(["loop_log.jsonl", "jobs"])("is refused when its %s was", async (name) => {
    await train();
    await rename(join(runDir, name), join(home, name));
    await symlink(join(home, name), join(runDir, name));
    expect((await refusalOf(train)).code).toBe("gate.path-outside-workspace");
  });
});

describe("an entry that is put into the state as pending", () => {
  it("is neither taken into the log nor believed", async () => {
    await train();
    const path = join(runDir, "deft_state.json");
    const state = JSON.parse(await readFile(path, "utf8"));
    const [line = ""] = (await readFile(join(runDir, "loop_log.jsonl"), "utf8")).split("\n");
    const forged = { ...JSON.parse(line), seq: 2, stage: "evaluate" };
    await writeFile(path, JSON.stringify({ ...state, pending: forged }));
    await open();
    expect((await readRun(runDir, deps)).entries).toHaveLength(1);
    expect((await readFile(join(runDir, "loop_log.jsonl"), "utf8")).trim().split("\n")).toHaveLength(1);
  });
});
