import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { changeNetRows } from "../../../server/data/changenet.ts";
import { readParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
import { readRun } from "../../../server/journal/journal.ts";
import { changedPins } from "../../../server/loop/running/pins.ts";
import type { PlanRequest } from "../../../server/preflight/request.ts";
import { resolvePlan } from "../../../server/preflight/resolve.ts";
import { imagesOf } from "../../../server/run/images.ts";
import { workspacePaths } from "../../../server/run/paths.ts";
import { type TinyLoop, tinyLoop } from "../../support/tiny-loop.ts";

let loop: TinyLoop;
const layout = { lightings: ["SolderLight"], image_ext: ".jpg" };

/** Angles of the images: every third pool image lies where the KPI images do, the others across. */
async function furnish(workspace: string, turn = 0): Promise<void> {
  const { kpiCsv, poolCsv, poolEmbeddings, legacyImages } = workspacePaths(workspace);
  const of = async (csv: string, images_dir: string) => {
    const images: string[] = [];
    for await (const row of changeNetRows(csv)) images.push(imagesOf(row, { ...layout, images_dir })[0]?.input ?? "");
    return images;
  };
  const weak = await of(kpiCsv, legacyImages);
  const pool = await of(poolCsv, join(poolCsv, ".."));
  const all = [...pool, ...weak];
  const vector = (row: number) => (row >= pool.length || row % 3 === turn ? [3, 0] : [0, 0.5]);
  await writeParquet(poolEmbeddings, [
    { name: "filepath", type: "string", values: all },
    { name: "embedding", type: "double_list", values: all.map((_, row) => vector(row)) },
  ]);
}

beforeAll(async () => {
  loop = await tinyLoop("iter1-data_mining", { mining: "vendor", min_similarity: 0.9, num_sdg: 0 }, furnish);
}, 600_000);
afterAll(async () => await loop.remove());

describe("embeddings that the workspace brings", () => {
  it("decide what is mined, as the plan said they would", async () => {
    const { state } = await readRun(loop.runDir, loop.deps());
    const { poolEmbeddings } = workspacePaths(loop.workspace);
    expect(state.plan.inputs.embeddings).toEqual({ path: poolEmbeddings, sha256: state.pins[poolEmbeddings] });
    const mined = await readParquet(String(state.iterations.iter1?.mining_mined_parquet));
    const { rows } = await readParquet(poolEmbeddings);
    const near = rows.filter((_, row) => row % 3 === 0).map((row) => textCell(row, "filepath"));
    expect(mined.rows.length).toBeGreaterThan(0);
    expect(near).toEqual(expect.arrayContaining(mined.rows.map((row) => textCell(row, "filepath"))));
  });

  it("are pinned, and make another plan when they change", async () => {
    const { state } = await readRun(loop.runDir, loop.deps());
    await furnish(loop.workspace, 1);
    const { poolEmbeddings } = workspacePaths(loop.workspace);
    expect((await changedPins(state)).map(({ path }) => path)).toEqual([poolEmbeddings]);
    const again = await resolvePlan({ ...loop.request, workspace: loop.workspace } as PlanRequest, loop.deps());
    expect(again.plan?.inputs.embeddings?.sha256).not.toBe(state.pins[poolEmbeddings]);
  });
});
