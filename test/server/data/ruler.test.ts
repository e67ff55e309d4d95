import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { changenetColumns } from "../../../server/data/changenet.ts";
import { writeTable } from "../../../server/data/csv.ts";
import { namedRows, rulerChange, rulerOf } from "../../../server/data/ruler.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();

/** Rows that share two images, all of one board. */
async function setOf(rows: number, label: (row: number) => string) {
  const root = await folder();
  for (const name of ["one", "two"]) await writeFile(join(root, `${name}.jpg`), name);
  const path = join(root, "kpi.csv");
  const cells = Array.from({ length: rows }, (_, at) => {
    const row: Record<string, string> = {
      object_name: at % 2 === 0 ? "one" : "two",
      label: label(at),
      boardname: `b${at}`,
    };
    return changenetColumns.map((column) => row[column] ?? "");
  });
  await writeTable(path, changenetColumns, cells);
  return { path, layout: { images_dir: root, lightings: [], image_ext: ".jpg" } };
}

describe("the ruler of a large set", () => {
  it("tells that something changed, and names no rows", async () => {
    const same = () => "PASS";
    const { path, layout } = await setOf(namedRows + 1, same);
    const { ruler, rows } = await rulerOf(path, layout);
    expect(rows).toBe(namedRows + 1);
    expect(ruler.rows).toBeUndefined();
    const again = await setOf(namedRows + 1, same);
    expect((await rulerOf(again.path, again.layout)).ruler.digest).toBe(ruler.digest);
    await writeFile(join(layout.images_dir, "two.jpg"), "another");
    const other = (await rulerOf(path, layout)).ruler;
    expect(other.digest).not.toBe(ruler.digest);
    expect(rulerChange(ruler, other)).toBeUndefined();
    const relabelled = await setOf(namedRows + 1, (row) => (row === 7 ? "missing" : "PASS"));
    expect((await rulerOf(relabelled.path, relabelled.layout)).ruler.digest).not.toBe(ruler.digest);
  });
});
