// What it takes to find the images of a mining pool and to write its snapshot, beside `cat` of the CSV:
// node bench/run.mjs pool [ROWS]. The rows share a thousand image files, each found anew.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changenetColumns } from "../server/data/changenet.ts";
import { writeTable } from "../server/data/csv.ts";
import { writeResolvedPool } from "../server/stages/shared/mining-pool.ts";
import { resolvePool } from "../server/stages/shared/pool-resolver.ts";
import { told } from "./memory.ts";

const images = 1000;

export async function measure(): Promise<void> {
  const rows = Number(process.argv[2] ?? 10_000_000);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-pool-"));
  try {
    const csv_path = join(folder, "pool.csv");
    for (const side of ["boards", "golden"]) {
      await mkdir(join(folder, side));
      for (let at = 0; at < images; at++) await writeFile(join(folder, side, `C${at}_SolderLight.jpg`), "");
    }
    await writeTable(csv_path, changenetColumns, poolOf(rows));
    console.log(`\n${rows} pool rows, ${((await stat(csv_path)).size / 1e6).toFixed(0)} MB`);
    await told("limit: cat of the CSV", () => spawnSync("cat", [csv_path], { stdio: "ignore" }));
    const layout = { lightings: ["SolderLight"], image_ext: ".jpg" };
    const source = { csv_path, images_dir: folder, filepath_root: folder, ...layout };
    await told("finding every image, as the preflight does", async () => {
      let found = 0;
      for await (const _row of resolvePool(source)) found++;
      if (found !== rows) throw new Error(`${found} rows of ${rows}`);
    });
    await told("and writing the snapshot", () =>
      writeResolvedPool(join(folder, "resolved.csv"), source, resolvePool(source)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function* poolOf(rows: number): Generator<readonly string[]> {
  for (let at = 0; at < rows; at++) {
    const named = ["boards", "golden", at % 10 === 0 ? "missing" : "PASS", `C${at % images}`, "p", `b${at >> 9}`];
    yield [...named, "C", "MPASS", "1", `C${at}`, "3", "8", "CAP X6S 0402 1uF", "3"];
  }
}
