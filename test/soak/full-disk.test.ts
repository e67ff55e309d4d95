import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readParquet, writeParquet } from "../../server/data/parquet.ts";
import { withRun } from "../../server/journal/journal.ts";
import { approvedRun, boardsIn, drive, outcomeOf, shortLoop } from "../support/board-run.ts";
import { type Connection, connect, runBuilt } from "../support/built-server.ts";
import { buildCommitChild, commitIn, tryCommit } from "../support/commit-child.ts";
import { commitKinds, leftovers, runAsFound } from "../support/commit-kinds.ts";
import { noteFigures } from "../support/figures.ts";
import { folderOfFile } from "../support/folder.ts";
import { putGray } from "../support/photographs.ts";
import { type TinyDisk, tinyDisk } from "../support/tiny-disk.ts";

const folder = folderOfFile();
let disk: TinyDisk;

async function mounted(name: string, size: string): Promise<void> {
  const at = join(folder.path, name);
  await mkdir(at);
  disk = await tinyDisk(at, size);
}

describe("a commit on a disk that is full", () => {
  let child: string;
  beforeAll(async () => {
    child = await buildCommitChild(folder.path);
    await mounted("commits", "1m");
  });
  afterAll(() => disk.remove());

  it.each(commitKinds)("goes on at any number of free pages, and nothing is torn: $name", async (kind) => {
    const home = join(disk.path, kind.name);
    const kept = join(folder.path, `${kind.name}-kept`);
    const runDir = await kind.prepare(home, child);
    await cp(home, kept, { recursive: true });
    const before = await runAsFound(runDir);
    await commitIn(child, [kind.name, runDir]);
    const after = await runAsFound(runDir);
    let refusals = 0;
    for (let pages = 0, passed = false; !passed; pages++) {
      await rm(home, { recursive: true });
      await cp(kept, home, { recursive: true });
      await disk.fill(pages);
      const { refused } = await tryCommit(child, [kind.name, runDir]);
      passed = refused === undefined;
      if (refused) {
        refusals += 1;
        expect(refused).toMatchObject({ code: "input.write-failed", facts: { errno: "ENOSPC" } });
      }
      expect(await leftovers(runDir)).toEqual([]);
      await disk.empty();
      if ((await runAsFound(runDir)) !== "no run") await withRun(runDir, async () => undefined);
      const now = await runAsFound(runDir);
      if (kind.steps === 1) expect([before, after]).toContain(now);
      if (now === before || kind.name === "finish") await commitIn(child, [kind.name, runDir]);
      expect(await runAsFound(runDir)).toBe(after);
    }
    noteFigures("disk", { refused: refusals });
    expect(refusals).toBeGreaterThan(0);
    await rm(home, { recursive: true });
  });
});

describe("a whole loop on a disk that fails at every turn", () => {
  let workspace: string;
  let server: Connection;
  const home = () => folder.path;

  beforeAll(async () => {
    await mounted("boards", "48m");
    workspace = await boardsIn(disk.path);
    server = await connect({ home: home() });
  });
  afterAll(async () => {
    await server?.close();
    await disk.remove();
  });

  /** The call is refused while the disk refuses, says why, and succeeds afterwards. */
  async function comesThrough(name: string, args: Record<string, unknown>, by: Connection = server) {
    await disk.fill();
    expect(await by.refused(name, args)).toMatch(/^input\.write-failed: [\s\S]*ENOSPC[\s\S]*Next: Free disk space/);
    await disk.empty();
    await disk.readOnly(true);
    expect(await by.refused(name, args)).toMatch(/^input\.write-failed: [\s\S]*EROFS/);
    await disk.readOnly(false);
    noteFigures("disk", { refused: 2 });
    return await by.call(name, args);
  }

  it("begins, trains, measures, mines, ends and reports as on a disk that never failed", async () => {
    const calm = await approvedRun(home(), workspace);
    await drive(server, calm);
    await server.call("finish_loop", { run: calm });
    const results = join(workspace, "results");
    const asked = await server.call("preflight", { ...shortLoop, workspace, resume: "fresh" });
    const approver = await connect({ home: home(), env: { DEFT_APPROVE_PLAN: String(asked.plan_id) } });
    const { run_dir } = await comesThrough("approve_plan", { plan_id: asked.plan_id }, approver);
    await approver.close();
    const run = String(run_dir);
    expect((await readdir(results)).map((name) => join(results, name)).sort()).toEqual([calm, run].sort());
    for (let next = "run_stage"; next.startsWith("run_stage"); ) {
      await comesThrough("run_stage", { run, wait_seconds: 0 });
      const step = await drive(server, run, ({ outcome }) => outcome === "committed");
      expect(step.outcome).toBe("committed");
      next = String(step.next_action);
      expect(await leftovers(run)).toEqual([]);
      await disk.fill();
      expect(await server.call("loop_status", { run })).toMatchObject({ next_action: next });
      await disk.empty();
    }
    await comesThrough("finish_loop", { run });
    expect(await outcomeOf(run)).toEqual(await outcomeOf(calm));
    const report = await readFile(join(run, "DEFT_Loop_Report.html"), "utf8");
    await comesThrough("render_report", { run });
    expect((await readFile(join(run, "DEFT_Loop_Report.html"), "utf8")).length).toBeGreaterThan(report.length / 2);
    expect(await leftovers(run)).toEqual([]);
  }, 600_000);
});

describe("a recording whose disk fills up", () => {
  beforeAll(() => mounted("trace", "64k"));
  afterAll(() => disk.remove());

  it("ends with its last whole line and says so; what it recorded goes on", async () => {
    const server = await connect({ home: folder.path, env: { DEFT_RECORD: join(disk.path, "trace") } });
    await server.refused("next_seq", { run: "/nowhere" });
    await disk.fill(1);
    for (let calls = 0; calls < 60; calls++) {
      expect(await server.refused("next_seq", { run: "/nowhere" })).toMatch(/^input\.no-run/);
    }
    await disk.empty();
    await server.refused("next_seq", { run: "/nowhere" });
    expect(server.stderr().match(/the recording stopped: .*ENOSPC/g)).toHaveLength(1);
    await server.close();
    const replayed = runBuilt(["replay", join(disk.path, "trace"), "--partial"], { home: folder.path });
    expect([replayed.exit, replayed.stdout]).toEqual([
      0,
      expect.stringMatching(/^note: the trace is cut off .*\nsame: \d+ calls/),
    ]);
  });
});

describe("a directory for temporary files that is full", () => {
  beforeAll(() => mounted("temporary", "64k"));
  afterAll(() => disk.remove());

  it("ends no work on images: one process computes what is not shared then", async () => {
    const images = Array.from({ length: 160 }, (_, at) => join(folder.path, `${at}.png`));
    for (const [at, path] of images.entries())
      await putGray(path, new Uint8Array(64 * 64).fill(at, 64 * (at % 60)), 64);
    const [spec, input, output] = ["spec.yaml", "in.parquet", "out.parquet"].map((name) => join(folder.path, name));
    await writeFile(String(spec), "model: embedded\n");
    await writeParquet(String(input), [{ name: "filepath", type: "string", values: images }]);
    const cache = { DEFT_ENGINE_CACHE: join(folder.path, "cache"), DEFT_ENGINE_CACHE_KEY: "key" };
    await disk.fill();
    const argv = ["engine", "embedding", "image_embeddings", "-e", String(spec)];
    const done = runBuilt([...argv, `input_parquet=${input}`, `output_parquet=${output}`], {
      home: folder.path,
      env: { ...cache, TMPDIR: disk.path },
    });
    expect(done).toMatchObject({ exit: 0 });
    expect((await readParquet(String(output))).rows).toHaveLength(160);
  });
});
