import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/kpi.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const vectors = new URL("../../fixtures/vectors/kpi/", import.meta.url).pathname;
const expected: { file: string; recall_100: object | null; best_f1: object }[] = JSON.parse(
  await readFile(`${vectors}expected.json`, "utf8"),
);

async function csv(content: string | Uint8Array): Promise<string> {
  const path = join(await folder(), "inference.csv");
  await writeFile(path, content);
  return path;
}

async function json(argv: string[]) {
  const { code, stdout } = await runCommand(run, [...argv, "--json"]);
  return { code, answer: JSON.parse(stdout) };
}

/** The published answers without what our JSON does not carry; an undefined figure is null in JSON. */
function figures(point: object | null) {
  if (point === null) return null;
  const kept = Object.entries(point).filter(([name]) => !/_count$/.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, value === "nan" ? null : value]));
}

describe("deft-mcp kpi", () => {
  it.each(expected)("$file answers like the published script", async ({ file, recall_100, best_f1 }) => {
    const { code, answer } = await json([join(vectors, file)]);
    expect(code).toBe(0);
    expect(answer.recall_operating_point).toEqual(figures(recall_100));
    expect(answer.best_f1).toEqual(figures(best_f1));
    expect(answer.rows).toBe(answer.pass_rows + answer.no_pass_rows);
  });

  it("finds columns by name wherever they stand, and another PASS label", async () => {
    const path = await csv("score,truth,x\n0.2,OK ,1\n0.9,bad,1\n1e-3,ok,1\n-0,ok,1\n");
    const names = ["--label-column", "truth", "--score-column", "score", "--pass-label", "Ok"];
    const { answer } = await json([path, ...names]);
    expect(answer).toMatchObject({ rows: 4, pass_rows: 3, recall_operating_point: { threshold: 0.2, far: 0 } });
  });

  const head = "input_path,golden_path,label,object_name,siamese_score\n";
  const scored = (labels: readonly string[]) =>
    head + labels.map((label, at) => `b/t,b/g,${label},c${at},${(at + 1) / 100}\n`).join("");
  const sound = scored(["PASS", "PASS", "PASS", "open", "open"]);

  it("says when a part is counted several times", async () => {
    expect((await json([await csv(sound)])).answer.notes).toEqual([]);
    const padded = `${sound}${"b/t,b/g,PASS,c2,0.03\n".repeat(3)}b//t/,b/g,open,c0,0.01\n`;
    expect((await json([await csv(padded)])).answer.notes).toEqual([
      "4 of 9 rows show an image that an earlier row shows; each counts once more",
      "1 image is PASS in one row and a defect in another",
    ]);
  });

  it("says when a label reads like PASS", async () => {
    const { stderr } = await runCommand(run, [await csv(scored(["PASS", "good", "good", "open"]))]);
    expect(stderr).toBe("note: good reads like PASS but counts as a defect in 2 rows\n");
  });

  it.each([
    ["0", [], "0"],
    ["0.0", ["--pass-label", "0"], "0.0"],
    ["no defect", [], "no defect"],
  ])("refuses rows of which none is PASS while %s reads like it", async (good, argv, likely) => {
    const path = await csv(scored([good, good, "1", "1.0"]));
    const { code, answer } = await json([path, ...argv]);
    expect([code, answer.error.code]).toEqual([2, "metric.undefined"]);
    expect(answer.error.facts).toMatchObject({ likely_pass_label: likely, labels: { [good]: 2 } });
    expect((await json([path, "--pass-label", likely])).answer).toMatchObject({ pass_rows: 2, no_pass_rows: 2 });
  });

  it("answers rows of one class with a note", async () => {
    const { code, answer } = await json([await csv(scored(["open", "short"]))]);
    expect([code, answer.notes]).toEqual([0, ["the rows are of one class, so FAR at a recall is undefined"]]);
  });

  it("any recall target moves the operating point", async () => {
    const rows = Array.from({ length: 100 }, (_, at) => `bad,${at === 0 ? 0.1 : 0.9}`);
    const path = await csv(`label,siamese_score\n${"PASS,0.2\nPASS,0.05\n".repeat(5)}${rows.join("\n")}\n`);
    expect((await json([path])).answer.recall_operating_point).toMatchObject({ threshold: 0.05, far: 0.5 });
    const relaxed = await json([path, "--min-recall", "0.99"]);
    expect(relaxed.answer.recall_operating_point).toMatchObject({ threshold: 0.2, far: 0, fn: 1 });
  });

  it("tells what another model judged otherwise, and compares nothing that was relabelled", async () => {
    const header = "input_path,golden_path,label,object_name,siamese_score\n";
    const scored = (a: number, b: number, label = "PASS") =>
      csv(`${header}i,g,PASS,a,${a}\ni,g,${label},b,${b}\ni,g,bridge,c,0.5\ni,g,bridge,d,0.8\n`);
    const [production, now] = [await scored(0.6, 0.1), await scored(0.2, 0.7)];
    const { code, answer } = await json([now, "--against", production]);
    expect([code, answer.compared]).toMatchObject([0, { fixed_alarms: 1, new_alarms: 1, caught: 0, escapes: 0 }]);
    expect(answer.recall_operating_point_intervals.far_pct).toEqual({
      low: expect.closeTo(1.2579, 4),
      high: expect.closeTo(98.7421, 4),
    });
    const relabelled = await scored(0.2, 0.7, "bridge");
    const refused = await json([relabelled, "--against", production]);
    expect([refused.code, refused.answer.error.code]).toEqual([2, "metric.other-ruler"]);
  });

  it("writes the published files and plots", async () => {
    const out = join(await folder(), "deep", "out");
    const { code, stdout } = await runCommand(run, [join(vectors, "ties_one_decimal.csv"), "--output-dir", out]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("100% recall threshold: 0.100000 (FAR=78.7879%")]);
    expect((await readdir(out)).sort()).toEqual([
      "best_f1_missed_no_pass_samples.csv",
      "confusion_matrix_best_f1.svg",
      "confusion_matrix_recall_100.svg",
      "metric_result.json",
      "recall_far.svg",
      "score_distribution_with_recall_100_threshold.svg",
      "summary.txt",
      "threshold_metrics.csv",
    ]);
    const table = (await readFile(join(out, "threshold_metrics.csv"), "utf8")).split("\n");
    expect(table[0]).toBe(
      "threshold,tp,fp,tn,fn,precision,recall,f1,accuracy,far,predicted_no_pass_count,actual_no_pass_count,actual_pass_count",
    );
    expect(table.at(-2)).toMatch(/^[\d.]+,0,0,\d+,\d+,nan,0\.0,nan,/);
    const missed = await readFile(join(out, "best_f1_missed_no_pass_samples.csv"), "utf8");
    expect(missed.split("\n")[0]).toMatch(/siamese_score,analysis_row_index,.*,analysis_outcome$/);
    expect(missed.trim().split("\n")).toHaveLength(10);
    const result = JSON.parse(await readFile(join(out, "metric_result.json"), "utf8"));
    expect(result).toMatchObject({ name: "far_pct", unit: "%", threshold: 0.1, constraints: { recall_pct: 100 } });
    expect(await readFile(join(out, "recall_far.svg"), "utf8")).toMatch(/^<svg [^>]+>.*<\/svg>\n$/s);
  });

  it("writes the same missed rows however few of them may be in memory", async () => {
    const missedBy = async (rows?: string) => {
      const out = await folder();
      if (rows !== undefined) process.env.DEFT_TABLE_ROWS = rows;
      const { code } = await runCommand(run, [join(vectors, "ties_one_decimal.csv"), "--output-dir", out]);
      delete process.env.DEFT_TABLE_ROWS;
      expect(code).toBe(0);
      return await readFile(join(out, "best_f1_missed_no_pass_samples.csv"), "utf8");
    };
    expect(await missedBy("2")).toBe(await missedBy());
  });

  it("writes no metric result when a class is empty", async () => {
    const out = await folder();
    await runCommand(run, [join(vectors, "all_pass.csv"), "--output-dir", out]);
    expect(await readdir(out)).not.toContain("metric_result.json");
  });

  it.each([
    ["nan", "PASS,nan\nbad,0.1\n", [{ line: 2, score: "nan" }]],
    ["an infinite score", "PASS,0.1\nbad,inf\n", [{ line: 3, score: "inf" }]],
    ["an empty score", "PASS,\n", [{ line: 2, score: "" }]],
    ["hex", "PASS,0x1p-2\n", [{ line: 2, score: "0x1p-2" }]],
    ["a decimal comma", 'PASS,"1,5"\n', [{ line: 2, score: "1,5" }]],
  ])("refuses %s and names the row", async (_, rows, named) => {
    const { code, answer } = await json([await csv(`label,siamese_score\n${rows}`)]);
    expect(code).toBe(2);
    expect(answer.error).toMatchObject({ code: "metric.score-not-finite", facts: { count: 1, rows: named } });
  });

  it("counts all bad scores and shows the first five", async () => {
    const { answer } = await json([await csv(`label,siamese_score\n${"PASS,nan\n".repeat(70)}`)]);
    expect(answer.error.facts).toMatchObject({ count: 70 });
    expect(answer.error.facts.rows).toHaveLength(5);
  });

  it.each([
    ["an empty file", ""],
    ["a header without rows", "label,siamese_score\n"],
    ["NUL bytes", "label,siamese_score\nPASS,0.1\0\n"],
    ["semicolons", "label;siamese_score\nPASS;0.1\n"],
    ["a column given twice", "label,siamese_score,label\nPASS,0.1,PASS\n"],
    ["no score column", "label,score\nPASS,0.1\n"],
    ["an unquoted decimal comma", "label,siamese_score\nPASS,1,5\n"],
    ["a line of 10 MB", `label,siamese_score\nPASS,${"1".repeat(10_000_000)}\n`],
    ["UTF-16", Buffer.from("\uFEFFlabel,siamese_score\nPASS,0.1\n", "utf16le")],
  ])("refuses %s", async (_, content) => {
    const { code, answer } = await json([await csv(content)]);
    expect([code, answer.error.code]).toEqual([2, "input.bad-csv"]);
  });

  it("refuses a directory, a FIFO and an absent file", async () => {
    const directory = await folder();
    execFileSync("mkfifo", [join(directory, "fifo")]);
    expect(await json([directory])).toMatchObject({ code: 2, answer: { error: { code: "input.no-run" } } });
    for (const path of [join(directory, "fifo"), join(directory, "none")]) {
      expect(await json([path])).toMatchObject({ code: 2, answer: { error: { code: "input.unreadable-file" } } });
    }
  });

  it.each([
    [["--min-recall", "1.5"], "input.invalid"],
    [["--min-recall", "nan"], "input.invalid"],
    [["--recall", "1"], "input.unknown-field"],
    [["second.csv"], "input.invalid"],
  ])("refuses the arguments %j and says so on stderr without --json", async (extra, expected) => {
    const { code, stdout, stderr } = await runCommand(run, [join(vectors, "all_pass.csv"), ...extra]);
    expect([code, stdout, stderr.split(":", 1)[0]]).toEqual([2, "", expected]);
    expect(stderr).toContain("\n  help: deft-mcp kpi --help\nNext: ");
  });
});
