import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { listCell } from "../../support/list-cell.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();

describe("parquet", () => {
  it("returns the strings, numbers and number lists that were written", async () => {
    const path = join(await folder(), "t.parquet");
    const row = fc.record({
      text: fc.string({ unit: "grapheme", maxLength: 6 }),
      number: fc.double({ noNaN: true }).map((value) => value + 0),
      list: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        await writeParquet(path, [
          { name: "filepath", type: "string", values: rows.map((r) => r.text) },
          { name: "siamese_score", type: "double", values: rows.map((r) => r.number) },
          { name: "embedding", type: "double_list", values: rows.map((r) => r.list) },
        ]);
        const read = await readParquet(path);
        expect(read.columns).toEqual(["filepath", "siamese_score", "embedding"]);
        expect(read.rows.map((r) => textCell(r, "filepath"))).toEqual(rows.map((r) => r.text));
        expect(read.rows.map((r) => r.siamese_score)).toEqual(rows.map((r) => r.number));
        expect(read.rows.map((r) => [...(listCell(r, "embedding") ?? [])])).toEqual(rows.map((r) => r.list));
      }),
      { numRuns: 30 },
    );
  });

  it("keeps every column of a file without rows", async () => {
    const path = join(await folder(), "t.parquet");
    await writeParquet(path, [
      { name: "filepath", type: "string", values: [] },
      { name: "weakness", type: "double", values: [] },
      { name: "embedding", type: "double_list", values: [] },
    ]);
    expect(await readParquet(path)).toEqual({ columns: ["filepath", "weakness", "embedding"], rows: [] });
  });

  it("keeps 5,000 rows over several row groups in order", async () => {
    const path = join(await folder(), "t.parquet");
    const values = Array.from({ length: 5000 }, (_, at) => `image_${at}`);
    await writeParquet(path, [{ name: "filepath", type: "string", values }]);
    expect((await readParquet(path)).rows.map((row) => row.filepath)).toEqual(values);
  });

  it("refuses what is no parquet file", async () => {
    const path = join(await folder(), "t.parquet");
    await writeFile(path, "filepath,label\n");
    expect((await refusalOf(() => readParquet(path))).code).toBe("input.bad-parquet");
    await writeFile(path, "");
    expect((await refusalOf(() => readParquet(path))).code).toBe("input.bad-parquet");
  });
});
