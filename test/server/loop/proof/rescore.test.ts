import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { readTable } from "../../../../server/data/csv.ts";
import { sha256 } from "../../../../server/fs/hash.ts";
import { planRescore, prepareRescore, type Rescore } from "../../../../server/loop/proof/rescore.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { stageWorkspace, writeParts } from "../../../support/stage-workspace.ts";

const folder = temporaryFolders();
const rows = 21_000;

async function wishOf(change: Partial<Rescore> = {}): Promise<Rescore> {
  const home = await stageWorkspace(await folder(), {
    change: (config) => Object.assign(config, { platform: "docker", holdout_csv: config.kpi_test_csv }),
  });
  await mkdir(home.config.backbone_weight_dir, { recursive: true });
  const parts = Array.from({ length: rows }, (_, at) => ["PASS", `k${at}`] as const);
  await writeParts(home.config.kpi_test_csv, parts, "boards", "golden");
  const state = home.state({ baseline: { best_ckpt_path: home.at("model.pth") } });
  const dir = home.at("again");
  return { runDir: home.runDir, state, label: "baseline", set: "kpi", dir, jobId: "again", seed: "seed", ...change };
}

describe("the rows that a large network scores again", () => {
  it("are those of the lowest lots, in the order of the set, however many there are", async () => {
    const wish = await wishOf();
    const lots = Array.from({ length: rows }, (_, row) => ({ row, lot: sha256(`seed:${row}`) }));
    lots.sort((a, b) => (a.lot < b.lot ? -1 : 1));
    const lowest = lots
      .slice(0, 2000)
      .map(({ row }) => row)
      .sort((a, b) => a - b);
    const planned = await prepareRescore(wish);
    expect([planned.rows, planned.ofRows, planned.chosen]).toEqual([2000, rows, lowest]);
    const sample = await readTable(join(wish.dir, "sample.csv"));
    const objects = sample.rows.map((cells) => cells[sample.header.indexOf("object_name")]);
    expect(objects).toEqual(lowest.map((row) => `k${row}`));
    expect(await planRescore(wish)).toEqual(planned);
  });

  it("are all of a frozen test set, which is scored once", async () => {
    const { rows: asked, chosen } = await planRescore(await wishOf({ set: "holdout" }));
    expect([asked, chosen]).toEqual([rows, undefined]);
  });
});
