// How long the KPI of an inference CSV and its gap analysis take, beside reading the file, which nothing can undercut.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeGaps } from "../server/data/gap-files.ts";
import { readInferenceTable, readScores } from "../server/data/inference.ts";
import { analyseKpi } from "../server/data/kpi-files.ts";
import { analyseGaps } from "../server/kpi/gaps.ts";
import { sweepThresholds } from "../server/kpi/sweep.ts";
import { show, timed, timedCommand } from "./timing.ts";

const header =
  "input_path,golden_path,label,object_name,project,boardname,comp_type_2,mpass_mfail,is_valid,comp_name,part_type,number_of_pins,description,comp_type_1,siamese_score";

/** Rows with a score each; `distinct` of them differ. One row in ten is a defect. */
function inferenceCsv(rows: number, distinct: number): string {
  const lines = [header];
  for (let row = 0; row < rows; row++) {
    const label = row % 10 === 0 ? "missing" : "PASS";
    const score = (((row % distinct) * 0.618033988749895 + (row % 10 === 0 ? 0.4 : 0)) % 1) * 0.9999;
    lines.push(
      `images/board_${row % 300}/,golden/proj_${row % 300}/,${label},C${row}@1,p,b${row % 300},C,MPASS,1,C${row},3,8,"CAP X6S, 0402",3,${score}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

export async function measure(bundles: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-kpi-"));
  try {
    for (const [rows, distinct] of [
      [20_000, 20_000],
      [100_000, 100_000],
      [300_000, 1000],
      [1_000_000, 1_000_000],
    ] as const) {
      await measureKpi(bundles, join(folder, "inference.csv"), rows, distinct);
    }
    await measureGaps(bundles, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureKpi(bundles: string, path: string, rows: number, distinct: number): Promise<void> {
  await writeFile(path, inferenceCsv(rows, distinct));
  const table = await readScores(path);
  const found = sweepThresholds(table).thresholds.length - 1;
  console.log(`\n${rows} rows, ${found} distinct scores, ${((await readFile(path)).length / 1e6).toFixed(1)} MB`);
  show("limit: reading the file", await timed(() => readFile(path)));
  show("work alone: reading, parsing, sweep, both points", await timed(() => analyseKpi(path, 1)));
  show("  of it the sweep", await timed(() => sweepThresholds(table)));
  show("whole process: deft-mcp kpi CSV --json", await timedCommand(bundles, "kpi", [path, "--json"]));
}

async function measureGaps(bundles: string, folder: string): Promise<void> {
  const rowCount = 8000;
  const path = join(folder, "inference.csv");
  await writeFile(path, inferenceCsv(rowCount, rowCount));
  const config = join(folder, "train.yaml");
  await writeFile(config, "dataset: {classify: {input_map: {SolderLight: 0}, image_ext: .jpg}}\n");
  const table = await readInferenceTable(path);
  const layout = { images_dir: "/media", lightings: ["SolderLight"], image_ext: ".jpg" };
  const options = { minRecall: 1, topK: 50 };
  console.log(`\ngap analysis, ${rowCount} rows, ${rowCount} distinct scores`);
  show("limit: reading the file", await timed(() => readFile(path)));
  show("threshold and ranking alone", await timed(() => analyseGaps(table, options)));
  const out = join(folder, "out");
  show(
    "work alone: reading, ranking, all files written",
    await timed(async () => writeGaps(out, await readInferenceTable(path), layout, options)),
  );
  const argv = ["--inference-dir", folder, "--train-config", config, "--media-root", "/media", "--output-dir", out];
  show("whole process: deft-mcp gaps", await timedCommand(bundles, "gaps", argv));
}
