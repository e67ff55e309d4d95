import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/gaps.ts";
import { readGapTable } from "../../../server/data/gap-files.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
const vectors = new URL("../../fixtures/vectors/gaps/", import.meta.url).pathname;

function argumentsFor(inference: string, out: string): string[] {
  const config = join(vectors, "small", "train.yaml");
  return ["--inference-dir", inference, "--train-config", config, "--media-root", "/media/root", "--output-dir", out];
}

describe("deft-mcp gaps", () => {
  it("writes what the published gap analysis writes", async () => {
    const out = join(await folder(), "rca");
    const small = join(vectors, "small");
    const expected = JSON.parse(await readFile(join(small, "expected.json"), "utf8"));
    const argv = [...argumentsFor(join(small, "inference"), out), "--top-k", "5", "--json"];
    const { code, stdout } = await runCommand(run, argv);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { rows: 60, gaps: 22 }]);
    expect((await readdir(out)).sort()).toEqual([
      "kpi_gaps.parquet",
      "metrics.json",
      "threshold.txt",
      "weak_samples_breakdown.txt",
    ]);
    expect(await readFile(join(out, "threshold.txt"), "utf8")).toBe(expected.result.threshold_txt);
    expect(await readFile(join(out, "weak_samples_breakdown.txt"), "utf8")).toBe(expected.result.breakdown);
    const paths = (await readGapTable(join(out, "kpi_gaps.parquet"))).map((gap) => gap.filepath);
    expect(paths).toEqual(expected.result.gaps.map((gap: { filepath: string }) => gap.filepath));
  });

  it("a pinned threshold is not written down again", async () => {
    const out = join(await folder(), "rca");
    const argv = [...argumentsFor(join(vectors, "small", "inference"), out), "--threshold", "0.3"];
    const { code, stdout } = await runCommand(run, argv);
    expect([code, stdout]).toEqual([0, expect.stringContaining("threshold=0.3, top_k_per_label=50")]);
    expect(await readdir(out)).not.toContain("threshold.txt");
  });

  it.each([
    ["PASS only", "PASS", "0.5", "metric.undefined"],
    ["a label that reads as missing", "None", "0.5", "input.bad-csv"],
    ["an empty label", " ", "0.5", "input.bad-csv"],
    ["a score that is no number", "shift", "nan", "metric.score-not-finite"],
  ])("refuses %s", async (_, label, score, code) => {
    const inference = await folder();
    const rows = `input_path,object_name,label,siamese_score\nb,C1,${label},${score}\n`;
    await writeFile(join(inference, "inference.csv"), rows);
    const out = join(inference, "out");
    const answer = await runCommand(run, [...argumentsFor(inference, out), "--json"]);
    expect([answer.code, JSON.parse(answer.stdout).error.code]).toEqual([2, code]);
    const left = await readdir(out).catch(() => []);
    expect(left).toEqual(code === "metric.undefined" ? ["unreachable_kpi.txt"] : []);
  });
});
