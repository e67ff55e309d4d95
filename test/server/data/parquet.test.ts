import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { asyncBufferFromFile, parquetMetadataAsync } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { readParquet, scanParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
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

  it("writes group after group the very bytes that the library writes at once", async () => {
    const path = join(await folder(), "t.parquet");
    const values = Array.from({ length: 120_000 }, (_, at) => `image_${at % 70_000}`);
    await writeParquet(path, [{ name: "filepath", type: "string", values }]);
    const whole = parquetWriteBuffer({
      columnData: [{ name: "filepath", data: values }],
      schema: [
        { name: "schema", num_children: 1 },
        { name: "filepath", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      ],
    });
    expect((await readFile(path)).equals(Buffer.from(whole))).toBe(true);
  });

  it("asks for long lists a group at a time, and holds no others", async () => {
    const path = join(await folder(), "t.parquet");
    const width = 1000;
    const asked = new Set<number>();
    const at = (row: number) => {
      asked.add(row);
      return Array<number>(width).fill(row);
    };
    await writeParquet(path, [{ name: "embedding", type: "double_list", values: { length: 5000, at } }]);
    expect(asked.size).toBe(5000);
    const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
    expect(row_groups.map(({ num_rows }) => Number(num_rows))).toEqual(Array(10).fill(500));
    const { rows } = await readParquet(path);
    expect(rows.every((row, number) => listCell(row, "embedding")?.[width - 1] === number)).toBe(true);
  });

  it("fails with what reading a row throws, and can read on", async () => {
    const path = join(await folder(), "t.parquet");
    await writeParquet(path, [{ name: "label", type: "string", values: ["PASS"] }]);
    const scanned = scanParquet(path, () => {
      throw new Error("no such label");
    });
    await expect(scanned).rejects.toThrow("no such label");
    expect((await readParquet(path)).rows).toEqual([{ label: "PASS" }]);
  });

  it("refuses what is no parquet file", async () => {
    const path = join(await folder(), "t.parquet");
    await writeFile(path, "filepath,label\n");
    expect((await refusalOf(() => readParquet(path))).code).toBe("input.bad-parquet");
    await writeFile(path, "");
    expect((await refusalOf(() => readParquet(path))).code).toBe("input.bad-parquet");
  });
});
