// Tables of ten million rows through validate, kpi and gaps, beside `cat` of the same file, with the memory that each takes:
// node bench/run.mjs tables [ROWS] [STEP]: all steps, or those whose name begins with STEP, which then have a process of their
// own and no memory of what came before. Every row names two images of its own; none of them is there.
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changenetColumns } from "../server/data/changenet.ts";
import { writeTable } from "../server/data/csv.ts";
import { writeGaps } from "../server/data/gap-files.ts";
import { readInferenceTable } from "../server/data/inference.ts";
import { analyseKpi, writeKpiFiles } from "../server/data/kpi-files.ts";
import { judgeScores } from "../server/data/sanity/judge-scores.ts";
import { validateCsv } from "../server/data/validate.ts";
import { told } from "./memory.ts";

const layout = { lightings: ["SolderLight"], image_ext: ".jpg" };

export async function measure(): Promise<void> {
  const rows = Number(process.argv[2] ?? 10_000_000);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-tables-"));
  const [csv, out] = [join(folder, "inference.csv"), join(folder, "out")];
  try {
    await mkdir(join(folder, "images"));
    await writeTable(csv, [...changenetColumns, "siamese_score"], rowsOf(rows));
    console.log(`\n${rows} rows, ${((await stat(csv)).size / 1e6).toFixed(0)} MB`);
    await told("limit: cat of the CSV", () => spawnSync("cat", [csv], { stdio: "ignore" }));
    const asked = process.argv[3] ?? "";
    for (const [name, work] of Object.entries(steps(csv, folder, out)))
      if (name.startsWith(asked)) await told(name, work);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function steps(csv: string, folder: string, out: string): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    "validate: every cell, every image looked for": () =>
      validateCsv({ csv, workspace: folder, images_root: join(folder, "images"), lightings: layout }),
    "validate against as many held-out rows, all leaks": async () => {
      const held = join(folder, "held.csv");
      await copyFile(csv, held);
      await validateCsv({
        csv,
        workspace: folder,
        images_root: join(folder, "images"),
        lightings: layout,
        kpi_csv: held,
      });
    },
    "kpi: sweep and both operating points": () => analyseKpi(csv, 1),
    "kpi: and whether rows repeat": () => judgeScores(csv),
    "kpi: and all published files": async () => writeKpiFiles(out, csv, await analyseKpi(csv, 1), { minRecall: 1 }),
    "gaps: ranking and all published files": async () =>
      writeGaps(out, await readInferenceTable(csv), { ...layout, images_dir: folder }, { minRecall: 1, topK: 50 }),
  };
}

function* rowsOf(rows: number): Generator<readonly string[]> {
  for (let at = 0; at < rows; at++) {
    const board = Math.floor(at / 500);
    const label = at % 10 === 0 ? "missing" : "PASS";
    const score = ((at * 0.618033988749895 + (at % 10 === 0 ? 0.4 : 0)) % 1) * 0.9999;
    const named = [`b${board}/`, `g${board}/`, label, `C${at}@1`, "p", `b${board}`, "C", "MPASS", "1", `C${at % 500}`];
    yield [...named, "3", "8", "CAP X6S 0402 1uF", "3", String(score)];
  }
}
