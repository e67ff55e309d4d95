import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { run } from "../../../server/cli/init.ts";
import { changenetColumns } from "../../../server/data/changenet.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();

async function init(cwd: string, ...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exit = await run(argv, { stdout, stderr, env: {}, cwd, isTty: false });
  return { exit, out: String(stdout.read() ?? ""), err: String(stderr.read() ?? "") };
}

describe("deft-mcp init", () => {
  it("makes every input folder of a workspace, tables with only the published header, and a readable spec", async () => {
    const cwd = await newFolder();
    expect((await init(cwd, "boards")).exit).toBe(0);
    const root = join(cwd, "boards");
    for (const csv of ["train/base/training_set.csv", "train/base/validation_set.csv", "kpi/testing_set.csv"]) {
      expect(await readFile(join(root, csv), "utf8")).toBe(`${changenetColumns.join(",")}\n`);
    }
    expect(parse(await readFile(join(root, "specs/baseline_spec.yaml"), "utf8"))).toMatchObject({ task: "classify" });
    expect((await readdir(join(root, "augmentation"))).sort()).toEqual(["anomalygen", "backbone", "mining_pool"]);
    expect(await readdir(join(root, "images"))).toEqual([]);
  });

  it("explains with two rows, a good part and a defect, whose cells the header knows", async () => {
    const cwd = await newFolder();
    const { out } = await init(cwd, "boards");
    const readme = await readFile(join(cwd, "boards/README.md"), "utf8");
    const [header = "", ...rows] = (/```csv\n([\s\S]*?)```/.exec(readme)?.[1] ?? "").trim().split("\n");
    expect(changenetColumns).toEqual(expect.arrayContaining(header.split(",")));
    expect(rows.map((row) => row.split(",")[2])).toEqual(["PASS", "missing"]);
    for (const row of rows) expect(out).toContain(row);
  });

  it("names what it made as one JSON object", async () => {
    const cwd = await newFolder();
    const { out } = await init(cwd, "boards", "--example", "--tiny", "--seed", "3", "--json");
    expect(JSON.parse(out)).toMatchObject({ workspace: join(cwd, "boards"), seed: 3, size: "tiny" });
  });

  it("never writes into a folder that holds anything", async () => {
    const cwd = await newFolder();
    await writeFile(join(cwd, "mine.txt"), "mine");
    const { exit, err } = await init(cwd, ".");
    expect(exit).toBe(2);
    expect(err).toMatch(/^input\.workspace-exists: /);
    expect(await readdir(cwd)).toEqual(["mine.txt"]);
  });

  it("refuses a second folder and an unknown option", async () => {
    const cwd = await newFolder();
    expect((await init(cwd, "a", "b")).exit).toBe(2);
    expect((await init(cwd, "a", "--exmaple")).exit).toBe(2);
    expect(await readdir(cwd)).toEqual([]);
  });
});
