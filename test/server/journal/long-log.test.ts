import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { commit, commitAccepted, commitState, readRun, withRun } from "../../../server/journal/journal.ts";
import { finishLoop } from "../../../server/loop/finish.ts";
import { nextSeq } from "../../../server/loop/next-seq.ts";
import { loopStatus } from "../../../server/loop/status.ts";
import type { Call } from "../../../server/ports/call.ts";
import { load } from "../../../server/report/load.ts";
import { alignRunTokens } from "../../../server/tokens/align-run.ts";
import { testDeps } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { longRun } from "../../support/long-run.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();
const length = 1000;
let home: string;
let runDir: string;
let log: string;
let deps: ReturnType<typeof testDeps>;

beforeEach(async () => {
  home = await newFolder();
  runDir = join(home, "boards", "results", "run_20261121_100000");
  log = join(runDir, "loop_log.jsonl");
  deps = testDeps({ env: { XDG_STATE_HOME: join(home, "state") } });
  await longRun(runDir, length, deps);
});

const entry = { iter: "baseline", stage: "train", status: "ok", summary: "s", duration_sec: 1 } as const;
const train = () => withRun(runDir, (run) => commit(run, run.state, entry, deps), deps);
const whole = async () => (await readRun(runDir, { ...deps, whole: true })).integrity;
const isTampered = { ok: false, what: "an entry of loop_log.jsonl was edited" };

/** Edits an entry without changing the log's length, and gives it back the time of its last change. */
async function edit(seq: number): Promise<void> {
  const { atime, mtime } = await stat(log);
  const lines = (await readFile(log, "utf8")).split("\n");
  lines[seq - 1] = (lines[seq - 1] ?? "").replace('"duration_sec":1', '"duration_sec":9');
  await writeFile(log, lines.join("\n"));
  await utimes(log, atime, mtime);
}

/** Makes the kept head believe that the log as it now stands is what the last commit left. */
async function believe(): Promise<void> {
  const heads = join(home, "state", "deft-mcp", "heads");
  const [name = ""] = await readdir(heads);
  const head = JSON.parse(await readFile(join(heads, name), "utf8"));
  const { mode, size, mtimeMs, ctimeMs, ino } = await stat(log);
  head.log = `${mode & 0o170000} ${size} ${mtimeMs} ${ctimeMs} ${ino}`;
  await writeFile(join(heads, name), JSON.stringify(head));
}

describe("a long log that nobody touched since its head was kept", () => {
  it("is read from its end alone, by readers and by commits, and its chain stays whole", async () => {
    expect((await loopStatus(runDir, deps)).run.entries.length).toBeLessThan(length / 2);
    for (let count = 1; count <= 3; count++) {
      expect(await nextSeq(runDir)).toBe(length + count);
      expect((await train()).seq).toBe(length + count);
    }
    const run = await readRun(runDir, deps);
    expect([run.integrity, run.after === undefined]).toEqual([{ ok: true }, false]);
    const all = await readRun(runDir, { ...deps, whole: true });
    expect([all.integrity, all.after, all.entries.length]).toEqual([{ ok: true }, undefined, length + 3]);
    expect(all.entries.slice(-run.entries.length)).toEqual(run.entries);
  });

  it("is read whole where no head is kept, and once a human accepted it as it stood", async () => {
    expect((await readRun(runDir)).entries).toHaveLength(length);
    await edit(10);
    await withRun(runDir, (run) => commitAccepted(run, run.state), { ...deps, allowTampered: true });
    const accepted = await readRun(runDir, deps);
    expect([accepted.integrity, accepted.after]).toEqual([{ ok: true }, undefined]);
    await train();
    expect(await whole()).toEqual({ ok: true });
    await edit(20);
    expect(await whole()).toMatchObject({ ok: false, what: "accepted lines of loop_log.jsonl were edited" });
  });

  it("is accepted by nobody who did not read it whole", async () => {
    await expect(withRun(runDir, (run) => commitAccepted(run, run.state), deps)).rejects.toThrow("not read whole");
  });
});

describe("an edit of a long log", () => {
  it.each([
    ["at its beginning", 2],
    ["within its end", length - 2],
    ["of its last entry", length],
  ])("%s is named at the next call, also where length and time are as before", async (_where, seq) => {
    await edit(seq);
    expect((await readRun(runDir, deps)).integrity).toMatchObject(isTampered);
    expect((await refusalOf(train)).code).toBe("state.tampered");
  });

  it("within its end is named even where the stamp of the log is believed", async () => {
    await edit(length - 2);
    await believe();
    expect((await readRun(runDir, deps)).integrity).toMatchObject(isTampered);
  });

  it("at its beginning is named, where the stamp is believed, by what rests on the whole chain", async () => {
    await withRun(runDir, (run) => commitState(run, { ...run.state, status: "complete" }), deps);
    await edit(2);
    await believe();
    expect((await readRun(runDir, deps)).integrity).toEqual({ ok: true });
    expect(await whole()).toMatchObject(isTampered);
    const call = { deps, connection: { notes: new Map() } } as unknown as Call;
    expect((await refusalOf(() => finishLoop(runDir, {}, call))).code).toBe("state.tampered");
    const transcript = join(home, "transcript.jsonl");
    await writeFile(transcript, "");
    expect((await refusalOf(() => alignRunTokens(runDir, deps, [transcript]))).code).toBe("state.tampered");
    expect((await load(runDir, deps)).integrity).toMatchObject({ status: "tampered" });
  });
});
