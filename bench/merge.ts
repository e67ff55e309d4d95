// What it takes to add an iteration's rows to a training CSV of ten million rows, beside `cat` of it:
// node bench/run.mjs merge [ROWS] [PAIRS]. The rows repeat so many pairs of images, each found and compared anew.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changenetColumns, writeChangeNet } from "../server/data/changenet.ts";
import { writeTable } from "../server/data/csv.ts";
import { dataMerge } from "../server/stages/data-merge.ts";
import { poolParts, stageWorkspace, writePair } from "../test/support/stage-workspace.ts";
import { told } from "./memory.ts";

export async function measure(): Promise<void> {
  const [rows = 10_000_000, pairs = 1000] = process.argv.slice(2).map(Number);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-merge-"));
  try {
    const { runDir, config, lightings, context, at } = await stageWorkspace(folder);
    for (let pair = 0; pair < pairs; pair++) await writePair(at("images"), `C${pair}`, lightings);
    await writeTable(config.training_csv, changenetColumns, rowsOf(rows, pairs));
    const filter = join(runDir, "iter1", "mining_filter");
    await mkdir(filter, { recursive: true });
    const pool = "augmentation/mining_pool/images";
    const added = poolParts.map(([label, object_name]) => {
      return { input_path: `${pool}/boards`, golden_path: `${pool}/golden`, label, object_name };
    });
    await writeChangeNet(join(filter, "mining_pool.csv"), added);
    console.log(`\n${rows} rows of ${pairs} pairs, ${((await stat(config.training_csv)).size / 1e6).toFixed(0)} MB`);
    await told("limit: cat of the CSV", () => spawnSync("cat", [config.training_csv], { stdio: "ignore" }));
    const iteration = context("iter1");
    for (const { path } of (await dataMerge.plan(iteration)).directories) await mkdir(path, { recursive: true });
    await told("merge: rows, provenance, every check", async () => {
      const { patch } = await dataMerge.collect(iteration, []);
      if (patch.ledger?.train_rows !== rows + added.length) throw new Error(JSON.stringify(patch));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function* rowsOf(rows: number, pairs: number): Generator<readonly string[]> {
  for (let at = 0; at < rows; at++) {
    const label = at % 10 === 0 ? "missing" : "PASS";
    const named = ["boards", "golden", label, `C${at % pairs}`, "p", `b${at >> 9}`, "C", "MPASS", "1", `C${at % 500}`];
    yield [...named, "3", "8", "CAP X6S 0402 1uF", "3"];
  }
}
