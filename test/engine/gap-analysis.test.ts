import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readParquet } from "../../server/data/parquet.ts";
import { kindOf, readText } from "../../server/fs/read.ts";
import { runEntry, temporaryFolder } from "./support.ts";

const scores: [string, number][] = [
  ...([
    ["PASS", 0.05],
    ["PASS", 0.1],
    ["PASS", 0.3],
    ["PASS", 0.42],
    ["PASS", 0.6],
  ] as [string, number][]),
  ...([
    ["missing", 0.4],
    ["missing", 0.9],
    ["shift", 0.55],
  ] as [string, number][]),
];

function writeInference(rows: [string, number][]) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "inference"));
  const lines = rows.map(([label, score], at) => `board/,golden,${label},C${at}@1,${score}`);
  const header = "input_path,golden_path,label,object_name,siamese_score";
  writeFileSync(join(folder, "inference", "inference.csv"), `${[header, ...lines].join("\n")}\n`);
  writeFileSync(join(folder, "gap.yaml"), "min_recall: 1.0\ntop_k_per_label: 2\n");
  const lights = "input_map: {SolderLight: 0, WhiteLight: 1}, image_ext: .jpg";
  writeFileSync(join(folder, "train.yaml"), `dataset: {classify: {${lights}}}\n`);
  return folder;
}

const analyse = (folder: string, ...more: string[]) =>
  runEntry([
    ...["gap_analysis", "vcn_aoi", "-e", `${folder}/gap.yaml`, `inference_results_dir=${folder}/inference`],
    ...[`train_config=${folder}/train.yaml`, "kpi_media_path=/media", `results_dir=${folder}/rca`, ...more],
  ]);

describe("gap_analysis vcn_aoi", () => {
  it("writes threshold, breakdown and the weakest rows of each label, one a lighting", async () => {
    const folder = writeInference(scores);
    const result = await analyse(folder);
    expect(result.stdout).toContain("Execution status: PASS");
    expect(await readText(join(folder, "rca", "threshold.txt"))).toBe("0.3");
    expect(await readText(join(folder, "rca", "weak_samples_breakdown.txt"))).toContain(
      "(threshold=0.3, top_k_per_label=2)\nTotal KPI samples: 8\nTotal weak samples kept: 5\n\n  PASS: 2 (40.0%) — 2 misclassified",
    );
    const { columns, rows } = await readParquet(join(folder, "rca", "kpi_gaps.parquet"));
    expect(columns).toEqual(["filepath", "label", "siamese_score", "weakness"]);
    expect(rows.map((row) => row.siamese_score)).toEqual([0.6, 0.6, 0.42, 0.42, 0.4, 0.4, 0.55, 0.55, 0.9, 0.9]);
    expect(rows.slice(0, 2).map((row) => row.filepath)).toEqual([
      "/media/board/C4@1_SolderLight.jpg",
      "/media/board/C4@1_WhiteLight.jpg",
    ]);
  });

  it("a pinned threshold is used and not written", async () => {
    const folder = writeInference(scores);
    expect((await analyse(folder, "threshold=0.5")).code).toBe(0);
    expect(await kindOf(join(folder, "rca", "threshold.txt"))).toBe("absent");
  });

  it("fails as the container does without a defect, without rows and without the CSV", async () => {
    const pass = writeInference([["PASS", 0.2]]);
    expect((await analyse(pass)).stderr).toContain(
      "ValueError: No threshold achieves 100% recall on the NO_PASS class.",
    );
    const empty = writeInference([]);
    expect((await analyse(empty)).stderr).toContain("contains no rows.");
    const absent = await analyse(pass, "inference_results_dir=/nowhere");
    expect(absent.stderr).toContain("FileNotFoundError: Expected inference CSV at /nowhere/inference.csv");
    expect(absent.stdout).toBe("Execution status: FAIL\n");
    expect(absent.code).toBe(1);
  });
});
