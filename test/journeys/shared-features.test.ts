import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { readChangeNet } from "../../server/data/changenet.ts";
import { readParquet, writeParquet } from "../../server/data/parquet.ts";
import { imagesOf } from "../../server/run/images.ts";
import { temporaryFolders } from "../support/folder.ts";
import { listCell } from "../support/list-cell.ts";
import { putGray } from "../support/photographs.ts";

const temporaryFolder = temporaryFolders();

describe("features of many pairs", () => {
  it("are computed by two processes and come out as those of one", async () => {
    const folder = await temporaryFolder();
    const workspace = join(folder, "boards");
    await generateWorkspace(workspace, { seed: 1, size: "tiny" });
    const images_dir = join(workspace, "kpi", "images");
    const layout = { images_dir, lightings: ["SolderLight"], image_ext: ".jpg" };
    const tables = ["kpi/testing_set.csv", "train/base/training_set.csv", "train/base/validation_set.csv"];
    const rows = (await Promise.all(tables.map((name) => readChangeNet(join(workspace, name))))).flatMap((t) => t.rows);
    const pool = await readChangeNet(join(workspace, "augmentation/mining_pool/mining_pool.csv"));
    const poolLayout = { ...layout, images_dir: join(workspace, "augmentation/mining_pool") };
    const pairs = [
      ...rows.flatMap((row) => imagesOf(row, layout)),
      ...pool.rows.flatMap((row) => imagesOf(row, poolLayout)),
    ];
    expect(pairs.length).toBeGreaterThan(160);
    const input = join(folder, "pairs.parquet");
    await writeParquet(input, [
      { name: "filepath", type: "string", values: pairs.map((pair) => pair.input) },
      { name: "golden_filepath", type: "string", values: pairs.map((pair) => pair.golden) },
    ]);
    await expectTwoWriters(input, /^pair/);
  });

  it("are computed by two processes where there are no golden images", async () => {
    const folder = await temporaryFolder();
    const paths = Array.from({ length: 160 }, (_, at) => join(folder, `${at}.png`));
    for (const [at, path] of paths.entries()) {
      await putGray(path, new Uint8Array(64 * 64).fill(at).fill(255 - at, 0, 64 * (at % 60)), 64);
    }
    const input = join(folder, "images.parquet");
    await writeParquet(input, [{ name: "filepath", type: "string", values: paths }]);
    await expectTwoWriters(input, /^embed/);
  });
});

/** Embeds images with and without a place for features: two processes must have written those that are kept. */
async function expectTwoWriters(input: string, kind: RegExp): Promise<void> {
  const folder = dirname(input);
  const cache = join(folder, "cache");
  await mkdir(cache);
  const env = { DEFT_ENGINE_CACHE: cache, DEFT_ENGINE_CACHE_KEY: "key" };
  const shared = await embed(input, join(folder, "shared.parquet"), env);
  const alone = await embed(input, join(folder, "alone.parquet"), {});
  expect(shared).toEqual(alone);
  const writers = (await readdir(cache)).filter((name) => kind.test(name)).map((name) => name.split("-").at(-2));
  expect(new Set(writers).size).toBe(2);
}

async function embed(input: string, output: string, env: Record<string, string>): Promise<unknown[]> {
  const spec = join(output, "..", "embedding_spec.yaml");
  await writeFile(spec, "model: SigLIP\nmodel_path: google/siglip-base-patch16-224\nbatch_size: 64\n");
  const bin = resolve("dist/deft-mcp.js");
  const args = [
    "engine",
    "embedding",
    "image_embeddings",
    "-e",
    spec,
    `input_parquet=${input}`,
    `output_parquet=${output}`,
  ];
  await execa(process.execPath, [bin, ...args], { env });
  return (await readParquet(output)).rows.map((row) => listCell(row, "embedding"));
}
