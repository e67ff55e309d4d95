import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { run } from "../../../server/cli/import.ts";
import { readChangeNet } from "../../../server/data/changenet.ts";
import { filesBelow } from "../../../server/fs/folder.ts";
import { sha256OfFile } from "../../../server/fs/hash.ts";
import { runCommand } from "../../support/command.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { putMvtec } from "../../support/public-layouts.ts";

const newFolder = temporaryFolders();

const tables = {
  training: "train/base/training_set.csv",
  validation: "train/base/validation_set.csv",
  kpi: "kpi/testing_set.csv",
  pool: "augmentation/mining_pool/mining_pool.csv",
};

async function digestsOf(root: string): Promise<string[]> {
  const names = await filesBelow(root);
  return await Promise.all(names.map(async (name) => `${name} ${await sha256OfFile(join(root, name))}`));
}

describe("deft-mcp import of an MVTec-like folder", () => {
  it("shows the plan and a page of samples first, and writes nothing else", async () => {
    const folder = await newFolder();
    await putMvtec(join(folder, "transistor"), { train: 20, good: 8, each: 6 });
    const before = await digestsOf(join(folder, "transistor"));
    const { code, stdout } = await runCommand(run, ["transistor", "boards"], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/rule nearest/);
    expect(stdout).toMatch(/Next: look at .*boards-samples\.html, then give the command again with --write/);
    expect(await filesBelow(folder)).toEqual([
      "boards-samples.html",
      ...before.map((line) => `transistor/${line.split(" ")[0]}`),
    ]);
    expect(await digestsOf(join(folder, "transistor"))).toEqual(before);
    const page = await readFile(join(folder, "boards-samples.html"), "utf8");
    expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(page.match(/<figure>/g)?.length).toBeGreaterThan(10);
  });

  it("makes tables of 14 columns, each label in each set and no board in two", async () => {
    const folder = await newFolder();
    await putMvtec(join(folder, "transistor"), { train: 20, good: 8, each: 6 });
    expect((await runCommand(run, ["transistor", "boards", "--write"], folder)).code).toBe(0);
    const boards = new Map<string, string>();
    for (const [name, path] of Object.entries(tables)) {
      const { columns, rows } = await readChangeNet(join(folder, "boards", path));
      expect(columns).toHaveLength(14);
      expect([...new Set(rows.map(({ label }) => label))].sort()).toEqual(["PASS", "mousebite", "spur"]);
      for (const { boardname = "" } of rows) {
        expect([boardname, boards.get(boardname) ?? name]).toEqual([boardname, name]);
        boards.set(boardname, name);
      }
    }
    const spec = await readFile(
      join(folder, "boards/augmentation/anomalygen/datasets/imported/defect_spec.jsonl"),
      "utf8",
    );
    expect(spec).toContain('"transistor+mousebite"');
  });
});
