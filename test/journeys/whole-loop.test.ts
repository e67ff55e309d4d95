import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { sha256 } from "../../server/fs/hash.ts";
import { approvedRun, boardsIn, drive, logOf, stateOf } from "../support/board-run.ts";
import { connect, runBuilt, startBuilt } from "../support/built-server.ts";
import { folderOfFile } from "../support/folder.ts";

const folder = folderOfFile();
const course = ["train", "evaluate", "rca", "routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate"];

async function digestOutsideResults(workspace: string): Promise<string> {
  const entries = await readdir(workspace, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(workspace, "results")))
    .sort();
  return sha256((await Promise.all(names.map(async (name) => `${name} ${sha256(await readFile(name))}`))).join("\n"));
}

/** FAR in percent at the highest threshold that still flags every defect, worked out anew from the inference CSV. */
async function farFromScores(path: string): Promise<number> {
  const [header, ...rows] = (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => line.split(","));
  const label = header?.indexOf("label") ?? -1;
  const score = header?.indexOf("siamese_score") ?? -1;
  const lowestDefect = Math.min(...rows.filter((row) => row[label] !== "PASS").map((row) => Number(row[score])));
  const pass = rows.filter((row) => row[label] === "PASS").map((row) => Number(row[score]));
  return (100 * pass.filter((value) => value >= lowestDefect).length) / pass.length;
}

describe("a whole loop on generated boards, through the built server", () => {
  let workspace: string;
  let before: string;
  let demo: ReturnType<typeof runBuilt>;
  let result: Record<string, unknown> & { run_dir: string; iterations: Record<string, unknown>[] };

  beforeAll(async () => {
    workspace = await boardsIn(folder.path);
    before = await digestOutsideResults(workspace);
    const argv = [
      "demo",
      "--workspace",
      workspace,
      "--max-iterations",
      "1",
      "--kpi",
      "FAR < 0.1% at recall=100%",
      "--json",
    ];
    demo = runBuilt(argv, { home: folder.path });
    result = JSON.parse(demo.stdout);
  });

  it("ends well, and prints one JSON object with what it reached", () => {
    expect([demo.exit, demo.stdout.trim().split("\n").length]).toEqual([0, 1]);
    expect(result).toMatchObject({ status: "complete", stop_reason: "max_iterations", platform: "embedded" });
    expect(result.iterations.map(({ label }) => label)).toEqual(["baseline", "iter1"]);
    const [baseline, iter1] = result.iterations;
    expect(baseline).toMatchObject({ train_rows: 40, mined_rows: 0, synthetic_rows: 0, recall_pct: 100 });
    const added = Number(iter1?.mined_rows) + Number(iter1?.synthetic_rows);
    expect(added).toBeGreaterThan(0);
    expect(iter1?.train_rows).toBe(40 + added);
  });

  it("reports a FAR that follows from the scores on disk", async () => {
    const { iterations } = await stateOf(result.run_dir);
    for (const { label, far_pct } of result.iterations) {
      expect(far_pct).toBeCloseTo(await farFromScores(iterations[String(label)].inference_csv), 9);
    }
  });

  it("logs every stage once, in order, and the way in which it was approved", async () => {
    const log = await logOf(result.run_dir);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
    expect(log.map(({ stage }) => stage)).toEqual([...course, "loop_stop"]);
    expect((await stateOf(result.run_dir)).approvals).toMatchObject([{ how: "preauthorised" }]);
  });

  it("leaves a report and a best model, and touches nothing in the workspace but the run", async () => {
    const names = await readdir(result.run_dir);
    expect(names).toEqual(expect.arrayContaining(["DEFT_Loop_Report.html", "best_model.json"]));
    expect(await digestOutsideResults(workspace)).toBe(before);
  });

  it("shows in the report what came in, each image beside what it is to be held against", async () => {
    const html = await readFile(join(result.run_dir, "DEFT_Loop_Report.html"), "utf8");
    const { sheets, pictures } = JSON.parse(/data-sheet>[\s\S]*?data-rows>([^<]*)</.exec(html)?.[1] ?? "");
    const of = (wanted: string) => sheets.find(({ kind }: { kind: string }) => kind === wanted);
    const [mined, made] = [of("mined"), of("generated")];
    const [, iter1] = result.iterations;
    for (const [{ images, not_shown }, rows] of [[mined, iter1?.mined_rows] as const, [made, iter1?.synthetic_rows]]) {
      expect(images.length).toBeGreaterThan(0);
      expect(images.length + not_shown).toBe(rows);
      for (const { picture, beside } of images) expect([pictures[picture], pictures[beside]]).not.toContain(undefined);
    }
    const weak = new Set((await readFile(join(workspace, "kpi", "testing_set.csv"), "utf8")).match(/[^,\n]+/g));
    for (const { similarity, like } of mined.images) {
      expect(similarity).toBeGreaterThanOrEqual(0.7);
      expect(weak).toContain(like.name);
    }
    for (const { marked } of made.images) expect(pictures[marked]).toMatch(/^data:image/);
  });

  it("comes to the same figures and rows when the server is killed between and inside stages", async () => {
    const run = await approvedRun(folder.path, workspace);
    const home = folder.path;
    const watch = startBuilt(["status", run, "--watch", "--json"], { home });
    for (let kills = 0; kills < 4; kills++) {
      const server = await connect({ home });
      const step = await server.call("run_stage", { run, wait_seconds: 0 });
      if (kills % 2 === 1) await drive(server, run, ({ outcome }) => outcome === "committed");
      expect(["running", "committed"]).toContain(step.outcome);
      await server.kill();
    }
    const last = await connect({ home });
    await drive(last, run);
    await last.call("finish_loop", { run });
    await last.close();
    const watched = await watch.ended;
    const looks = watched.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect([watched.exit, looks[0].status, looks.at(-1).status]).toEqual([0, "in_progress", "complete"]);
    expect(looks.length).toBeGreaterThan(2);
    expect((await logOf(run)).map(({ stage }) => stage)).toEqual([...course, "loop_stop"]);
    const [there, here] = await Promise.all([stateOf(result.run_dir), stateOf(run)]);
    for (const label of ["baseline", "iter1"]) {
      const { far_pct, threshold, val_loss } = there.iterations[label];
      expect(here.iterations[label]).toMatchObject({ far_pct, threshold, val_loss });
    }
    const merged = async (state: typeof there) => {
      const text = await readFile(state.iterations.iter1.combined_training_csv, "utf8");
      return text.replaceAll(/run_\d+_\d+/g, "run");
    };
    expect(await merged(here)).toBe(await merged(there));
    const attempts = (await readdir(join(run, "jobs"))).filter((name) => name.endsWith(".attempt"));
    // No stage was tried twice; what is handed over was scored once more at the end.
    expect(attempts.filter((name) => !name.endsWith("-1.attempt"))).toEqual([]);
    expect(attempts.filter((name) => name.includes("-reproduce-"))).toHaveLength(1);
    expect(attempts.length).toBe(course.length + 1);
  });
});
