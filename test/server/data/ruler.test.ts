import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { changenetColumns } from "../../../server/data/changenet.ts";
import { writeTable } from "../../../server/data/csv.ts";
import { rulerChange, rulerOf } from "../../../server/data/ruler.ts";
import { temporaryFolders } from "../../support/folder.ts";

const folder = temporaryFolders();
/** Rows that are named. */
const most = 2000;

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
    const few = async ({ path, layout }: Awaited<ReturnType<typeof setOf>>) =>
      await rulerOf(path, layout, undefined, most);
    const set = await setOf(most + 1, same);
    const { ruler, rows } = await few(set);
    expect(rows).toBe(most + 1);
    expect(ruler.rows).toBeUndefined();
    expect((await few(await setOf(most, same))).ruler.rows).toBeDefined();
    expect((await few(await setOf(most + 1, same))).ruler.digest).toBe(ruler.digest);
    await writeFile(join(set.layout.images_dir, "two.jpg"), "another");
    const other = (await few(set)).ruler;
    expect(other.digest).not.toBe(ruler.digest);
    expect(rulerChange(ruler, other)).toBeUndefined();
    const relabelled = await few(await setOf(most + 1, (row) => (row === 7 ? "missing" : "PASS")));
    expect(relabelled.ruler.digest).not.toBe(ruler.digest);
  });
});
