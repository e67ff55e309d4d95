import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { changenetColumns } from "../../../../server/data/changenet.ts";
import { csvPieces } from "../../../../server/data/csv.ts";
import {
  type PoolRow,
  poolImages,
  poolSource,
  writeResolvedPool,
} from "../../../../server/stages/shared/mining-pool.ts";
import { resolvePool } from "../../../../server/stages/shared/pool-resolver.ts";
import { poolOf, readResolvedPool } from "../../../../server/stages/shared/pool-rows.ts";
import { temporaryFolders } from "../../../support/folder.ts";
import { refusalOf } from "../../../support/refusal.ts";
import { jpegOf, put, type StageWorkspace, stageWorkspace } from "../../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
});

const source = () => poolSource(home.config, { lightings: home.lightings, image_ext: ".jpg" });
const poolDir = (...parts: string[]) => home.at("augmentation", "mining_pool", ...parts);

async function pool(...rows: [input: string, golden: string, label: string, object: string][]): Promise<void> {
  const cells = rows.map((row) => [...row, ...Array<string>(10).fill("")]);
  await put(poolDir("mining_pool.csv"), [...csvPieces(changenetColumns, cells)].join(""));
}

async function resolved(): Promise<PoolRow[]> {
  const rows: PoolRow[] = [];
  for await (const row of resolvePool(source())) rows.push(row);
  return rows;
}

describe("the mining pool", () => {
  it.each([
    ["relative to the CSV's directory", "images/boards", "images/golden", "p1"],
    ["as the file itself", "images/boards/p1_SolderLight.jpg", "images/golden/p1_SolderLight.jpg", ""],
    ["with a slash at the end", "images/boards/", "images/golden/", "p1"],
  ])("is found when its paths are %s", async (_, input, golden, object) => {
    await pool([input, golden, "missing", object]);
    const [row] = await resolved();
    expect(row).toMatchObject({
      object_name: "p1",
      input_dir: poolDir("images", "boards"),
      golden_dir: poolDir("images", "golden"),
    });
  });

  it.each(["boards", "images/boards"])("is found below the images root as %s", async (input) => {
    await pool([input, input.replace("boards", "golden"), "missing", "t1"]);
    expect((await resolved())[0]?.input_dir).toBe(home.at("images", "boards"));
  });

  it("reads back from its snapshot as it was resolved", async () => {
    const rows = await resolved();
    const path = join(home.runDir, "pool.csv");
    await writeResolvedPool(path, source(), resolvePool(source()));
    const back = await readResolvedPool({ ...source(), csv_path: path });
    expect(back.size).toBe(rows.length);
    for (const [at, { cells: _cells, ...place }] of rows.entries()) {
      expect(back.row(at)).toEqual(place);
      expect(poolImages(place, source()).map(({ input }) => back.rowOf(input))).toEqual([at]);
    }
    expect(back.rowOf(home.at("elsewhere_SolderLight.jpg"))).toBe(-1);
    const [header = ""] = (await readFile(path, "utf8")).split("\n");
    expect(header).toBe(`${changenetColumns.join(",")},filepath,golden_filepath`);
  });

  it("is read once by a call, and anew by the next", async () => {
    const path = join(home.runDir, "pool.csv");
    await writeResolvedPool(path, source(), resolvePool(source()));
    home.config.resolved_mining_pool_csv = path;
    const context = home.context("iter1");
    const read = await poolOf(context);
    await rm(path);
    expect(await poolOf(context)).toBe(read);
    expect(await refusalOf(() => poolOf(home.context("iter1")))).toMatchObject({ code: "gate.empty-pool" });
  });

  it("spells a file outside of its root with its absolute path", async () => {
    home.config.mining_images_root = home.at("elsewhere");
    const path = join(home.runDir, "pool.csv");
    await writeResolvedPool(path, source(), resolvePool(source()));
    expect(await readFile(path, "utf8")).toContain(`,${poolDir("images", "boards", "p1_SolderLight.jpg")},`);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      "a row leads nowhere",
      () => pool(["nowhere", "images/golden", "missing", "p1"]),
      /^line 2: input resolved 0 files/,
    ],
    [
      "a golden image leads nowhere",
      () => pool(["images/boards", "nowhere", "missing", "p1"]),
      /^line 2: golden resolved 0 files/,
    ],
    [
      "a defect row has no golden image",
      () => pool(["images/boards", "", "missing", "p1"]),
      /defect row without golden_path/,
    ],
    [
      "a file name lacks its lighting",
      async () => {
        await put(poolDir("odd.jpg"), jpegOf("odd"));
        await pool(["odd.jpg", "", "PASS", ""]);
      },
      /lacks lighting/,
    ],
    [
      "two files answer to one row",
      async () => {
        await put(home.at("images", "boards", "p1_SolderLight.jpg"), jpegOf("x"));
        await pool(["images/boards", "images/golden", "missing", "p1"]);
      },
      /^line 2: input resolved 2 files/,
    ],
  ])("is refused whole when %s", async (_, spoil, failure) => {
    await spoil();
    const refusal = await refusalOf(resolved);
    expect(refusal.code).toBe("gate.missing-image");
    expect(refusal.facts.examples).toEqual([expect.stringMatching(failure)]);
  });

  it.each(["boards", "golden"])("is refused when a further lighting of a row is missing in %s", async (side) => {
    home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    await rm(poolDir("images", side, "p2_WhiteLight.jpg"));
    const refusal = await refusalOf(resolved);
    expect(refusal.facts.examples).toEqual(["line 3: a lighting is missing (p2_WhiteLight.jpg)"]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["absent", () => rm(poolDir("mining_pool.csv"))],
    ["without a row", () => pool()],
  ])("is refused when it is %s", async (_, spoil) => {
    await spoil();
    expect((await refusalOf(resolved)).code).toBe("gate.empty-pool");
  });

  it("is read as it goes, and leaves no snapshot when its end is spoiled", async () => {
    const cells = ["images/boards", "images/golden", "missing", "p1", ...Array<string>(10).fill("")];
    const rows = Array.from({ length: 40_000 }, () => cells);
    const csv = poolDir("mining_pool.csv");
    await put(csv, [...csvPieces(changenetColumns, rows), "ragged\n"].join(""));
    const first = await resolvePool(source()).next();
    expect(first.value).toMatchObject({ object_name: "p1" });
    const path = join(home.runDir, "pool.csv");
    const refusal = await refusalOf(() => writeResolvedPool(path, source(), resolvePool(source())));
    expect(refusal.code).toBe("input.bad-csv");
    expect(await readdir(home.runDir)).not.toContainEqual(expect.stringContaining("pool.csv"));
  });
});
