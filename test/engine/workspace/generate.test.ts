import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import jpeg from "jpeg-js";
import { parse } from "yaml";
import { generateWorkspace } from "../../../engine/workspace/generate.ts";
import type { WorkspaceFacts } from "../../../engine/workspace/rows.ts";
import { readChangeNet } from "../../../server/data/changenet.ts";
import { sha256 } from "../../../server/fs/hash.ts";

const tables = {
  train: { csv: "train/base/training_set.csv", images: "kpi/images" },
  validation: { csv: "train/base/validation_set.csv", images: "kpi/images" },
  kpi: { csv: "kpi/testing_set.csv", images: "kpi/images" },
  mining_pool: { csv: "augmentation/mining_pool/mining_pool.csv", images: "augmentation/mining_pool" },
} as const;
const splits = Object.keys(tables) as (keyof typeof tables)[];

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

async function digest(root: string): Promise<string> {
  const names = await filesBelow(root);
  const hashes = await Promise.all(names.map(async (name) => `${name} ${sha256(await readFile(join(root, name)))}`));
  return sha256(hashes.join("\n"));
}

describe("generated workspace", () => {
  let folder: string;
  let facts: WorkspaceFacts;
  const rowsOf = async (split: (typeof splits)[number]) =>
    (await readChangeNet(join(facts.workspace, tables[split].csv))).rows;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "deft-generated-"));
    facts = await generateWorkspace(join(folder, "first"), { seed: 7, size: "tiny" });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("has the rows it reports, by label", async () => {
    for (const split of splits) {
      const labels = (await rowsOf(split)).map((row) => row.label);
      for (const [label, count] of Object.entries(facts.rows[split])) {
        expect([split, label, labels.filter((found) => found === label).length]).toEqual([split, label, count]);
      }
    }
  });

  it("shows a decodable test and golden image of the stated side for every row", async () => {
    const seen = new Set<string>();
    for (const split of splits) {
      for (const row of await rowsOf(split)) {
        for (const path of [row.input_path, row.golden_path]) {
          const file = join(facts.workspace, tables[split].images, path, `${row.object_name}_SolderLight.jpg`);
          const bytes = await readFile(file);
          const image = jpeg.decode(bytes, { useTArray: true });
          expect([image.width, image.height]).toEqual([facts.image_side, facts.image_side]);
          seen.add(sha256(bytes));
        }
      }
    }
    const rows = splits.flatMap((split) => Object.values(facts.rows[split])).reduce((sum, count) => sum + count, 0);
    expect(seen.size).toBe(2 * rows);
  });

  it("keeps every board in one split", async () => {
    const owner = new Map<string, string>();
    for (const split of splits) {
      for (const row of await rowsOf(split)) {
        expect(owner.get(row.boardname ?? "") ?? split).toBe(split);
        owner.set(row.boardname ?? "", split);
      }
    }
  });

  it("disturbs KPI and pool captures, but no capture that the seed model learns from", async () => {
    const clean = async (split: (typeof splits)[number]) =>
      (await rowsOf(split)).filter((row) => row.description?.endsWith("nuisance none")).length;
    expect(await clean("train")).toBe((await rowsOf("train")).length);
    expect(await clean("validation")).toBe((await rowsOf("validation")).length);
    expect(await clean("kpi")).toBeLessThan(0.6 * (await rowsOf("kpi")).length);
    expect(await clean("mining_pool")).toBeLessThan(0.6 * (await rowsOf("mining_pool")).length);
  });

  it("carries a classify spec and generator data whose types are the labels", async () => {
    const spec = parse(await readFile(join(facts.workspace, "specs/baseline_spec.yaml"), "utf8"));
    expect(spec).toMatchObject({ task: "classify", dataset: { classify: { image_ext: ".jpg", num_input: 1 } } });
    const dataset = join(facts.workspace, "augmentation/anomalygen/datasets", facts.generator.project);
    const lines = (await readFile(join(dataset, "defect_spec.jsonl"), "utf8")).trim().split("\n");
    const types = lines.map((line) => JSON.parse(line).defect_type.replace(`${facts.generator.texture}+`, ""));
    expect(["PASS", ...types].sort()).toEqual(Object.keys(facts.rows.kpi).sort());
    const stems = async (name: string) =>
      (await readdir(join(dataset, facts.generator.texture, name))).map((file) => file.replace(/\.[a-z]+$/, ""));
    expect(await stems("cad_mask")).toEqual(await stems("clean_image"));
    expect((await stems("mask")).sort()).toEqual([...types].sort());
  });

  it("comes out the same for the same seed and different for another", async () => {
    await generateWorkspace(join(folder, "again"), { seed: 7, size: "tiny" });
    await generateWorkspace(join(folder, "other"), { seed: 8, size: "tiny" });
    const first = await digest(facts.workspace);
    expect(await digest(join(folder, "again"))).toBe(first);
    expect(await digest(join(folder, "other"))).not.toBe(first);
  });

  it("refuses a directory that holds anything, and leaves nothing beside it", async () => {
    const taken = await mkdtemp(join(folder, "taken-"));
    await writeFile(join(taken, "notes.txt"), "mine");
    const before = await readdir(folder);
    await expect(generateWorkspace(taken, { seed: 1, size: "tiny" })).rejects.toMatchObject({
      code: "input.workspace-exists",
    });
    expect(await readdir(taken)).toEqual(["notes.txt"]);
    expect(await readdir(folder)).toEqual(before);
  });
});
