import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type ParquetColumn, readParquet, writeParquet } from "../../../server/data/parquet.ts";
import { sha256 } from "../../../server/fs/hash.ts";
import { asidePath, putAside, type Writer } from "../../../server/trace/aside.ts";
import type { Output } from "../../../server/trace/format.ts";
import { restoreOutput } from "../../../server/trace/outputs.ts";
import { restoreFile, type StoredFile, storeFile } from "../../../server/trace/stored-file.ts";
import { tableRows } from "../../../server/trace/stored-table.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { keptOutputs } from "../../support/kept-outputs.ts";

const newFolder = temporaryFolders();
const name = "iter1/mining_results/mined_raw.parquet";
const rows = 60_000;
const noise = (at: number) => sha256(String(at)).slice(0, 16);

/** What a trace keeps of a run in which a job left one parquet file, and how it is restored into another run. */
async function recorded(write: (path: string, run: string) => Promise<void>) {
  const [run, trace] = [await newFolder(), await newFolder()];
  await mkdir(join(run, "iter1/mining_results"), { recursive: true });
  await write(join(run, name), run);
  const { outputs, files } = await keptOutputs(run, trace);
  const restored = async () => {
    const other = await newFolder();
    await restoreOutput(other, outputs[0] as Output, files, (text) => text.replaceAll("{run}", other));
    return { other, table: await readParquet(join(other, name)) };
  };
  return { outputs, files, restored };
}

describe("a table of a job that is too long for a line", () => {
  it("comes back row by row: texts with the names of the new run, numbers and lists", async () => {
    const { files, restored } = await recorded((path, run) =>
      writeParquet(path, [
        { name: "filepath", type: "string", values: Array.from({ length: rows }, (_, at) => `${run}/"${noise(at)}"`) },
        { name: "max_cosine_similarity", type: "double", values: Array.from({ length: rows }, (_, at) => at / 7) },
        { name: "box", type: "double_list", values: Array.from({ length: rows }, (_, at) => [at, 0.5]) },
      ]),
    );
    expect(files.size).toBe(1);
    const { other, table } = await restored();
    expect([table.columns, table.rows.length]).toEqual([["filepath", "max_cosine_similarity", "box"], rows]);
    const wrong = table.rows.filter((row, at) => {
      const box = Array.from(row.box as Float64Array);
      return row.filepath !== `${other}/"${noise(at)}"` || row.max_cosine_similarity !== at / 7 || box[0] !== at;
    });
    expect(wrong).toEqual([]);
  });

  it("is known by its hash when it holds embeddings, of which a trace has what was read", async () => {
    const { outputs, files } = await recorded((path) =>
      writeParquet(path, [
        { name: "filepath", type: "string", values: ["a.jpg"] },
        { name: "embedding", type: "double_list", values: [Array.from({ length: 50_000 }, (_, at) => Math.sin(at))] },
      ]),
    );
    expect([outputs[0]?.stored, files.size]).toEqual([undefined, 0]);
  });

  it("comes back with objects, however they call themselves", async () => {
    const hostile: object[] = [{ toString: 1, valueOf: 1 }, { length: 1e12 }];
    const { restored } = await recorded(async (path) => {
      const values = Array.from({ length: rows }, (_, at) => hostile[at] ?? { at, of: noise(at) });
      const columnData = [{ name: "said", data: values, type: "JSON" as const }];
      await writeFile(path, Buffer.from(parquetWriteBuffer({ columnData })));
    });
    const { table } = await restored();
    expect([0, 1, 3].map((at) => table.rows[at]?.said)).toEqual([...hostile, { at: 3, of: noise(3) }]);
  });

  it("comes back with whole numbers of 64 bits, whichever row tells that they are unsigned", async () => {
    const { files, restored } = await recorded((path) =>
      writeParquet(path, [
        { name: "note", type: "string", values: Array.from({ length: rows }, (_, at) => noise(at).repeat(10)) },
        {
          name: "id",
          type: "uint64",
          values: Array.from({ length: rows }, (_, at) => BigInt(at) + (at === rows - 1 ? 2n ** 63n : 0n)),
        },
      ]),
    );
    expect([...files.values()].map((file) => "size_bytes" in file && file.size_bytes > 9e6)).toEqual([true]);
    const { table } = await restored();
    expect([0, rows - 1].map((at) => table.rows[at]?.id)).toEqual([0n, BigInt(rows - 1) + 2n ** 63n]);
  });

  it("is known by its hash when it holds JSON that nests deeper than a trace can", async () => {
    const deep = JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`);
    const { outputs } = await recorded((path) =>
      writeParquet(path, [{ name: "said", type: "json", values: [1, deep] }]),
    );
    expect(outputs).toMatchObject([{ sha256: expect.any(String) }]);
    expect(outputs[0]?.stored).toBeUndefined();
  });

  it("is known by its hash when it is no table, and the run goes on", async () => {
    const { outputs } = await recorded((path) => writeFile(path, Buffer.alloc(400_000, 7)));
    expect(outputs).toMatchObject([{ size_bytes: 400_000 }]);
    expect(outputs[0]?.stored).toBeUndefined();
  });

  it.each([
    ["no columns", '["filepath"]\n'],
    ["a row with a cell too many", '[["filepath","string"]]\n["a","b"]\n'],
    ["no JSON", "x\n"],
  ])("makes a trace unusable where it has %s", async (_, text) => {
    const path = join(await newFolder(), "packed.gz");
    await writeFile(path, gzipSync(text));
    const file: StoredFile = { encoding: "aside", path, size_bytes: text.length };
    const output = { path: name, sha256: "", size_bytes: 0, mtime_ms: 0, stored: "it" };
    const restoring = restoreOutput(await newFolder(), output, new Map([["it", file]]), (one) => one);
    await expect(restoring).rejects.toMatchObject({ code: "trace.unusable" });
  });
});

/** Values of each kind that a column may have, as they are written and read. */
const single = {
  string: fc.string({ unit: "grapheme" }),
  double: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, Number.NEGATIVE_INFINITY)),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  boolean: fc.boolean(),
  timestamp: fc.date({ noInvalidDate: true }),
  // As JSON is parsed: of an object without a prototype alone, the library writes a key `__proto__`.
  json: fc.oneof(
    fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string(), fc.constant(null)), { noNullPrototype: true }),
    fc.array(fc.object()),
    fc.array(fc.oneof(fc.integer(), fc.string(), fc.boolean()), { maxLength: 3 }),
    ...[fc.integer(), fc.string(), fc.boolean()],
  ),
};
const { json: _, ...plain } = single;
const columnsOf = (rowCount: number): fc.Arbitrary<ParquetColumn[]> => {
  const column = (type: string, value: fc.Arbitrary<unknown>) =>
    fc
      .array(fc.option(value, { nil: null, freq: 3 }), { minLength: rowCount, maxLength: rowCount })
      .map((values) => ({ name: type, type, values }));
  const lists = Object.entries(plain).map(([type, value]) =>
    column(`${type}_list`, fc.array(fc.option(value as fc.Arbitrary<unknown>, { nil: null }), { maxLength: 4 })),
  );
  const all = [...Object.entries(single).map(([type, value]) => column(type, value)), ...lists];
  return fc.tuple(...all) as unknown as fc.Arbitrary<ParquetColumn[]>;
};

/** Rows with their lists as arrays, whatever holds their numbers, and null for every cell that is missing. */
async function rowsIn(path: string): Promise<unknown[]> {
  const { rows: read } = await readParquet(path);
  const said = (cell: unknown): unknown =>
    ArrayBuffer.isView(cell) ? Array.from(cell as Float64Array) : (cell ?? null);
  return read.map((row) => Object.fromEntries(Object.entries(row).map(([column, cell]) => [column, said(cell)])));
}

it("gives back of a table of any kinds what was recorded of it, in a line and beside the trace", async () => {
  const [at, trace] = [await newFolder(), await newFolder()];
  const [path, inline, aside] = ["recorded", "inline", "aside"].map((one) => join(at, `${one}.parquet`)) as [
    string,
    string,
    string,
  ];
  const same = (text: string) => text;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 12 }).chain(columnsOf), async (columns) => {
      await writeParquet(path, columns);
      const before = await rowsIn(path);
      await restoreFile(inline, (await storeFile(path, same)) as StoredFile, same);
      expect(await rowsIn(inline)).toEqual(before);
      const { sha256: kept, size_bytes } = await putAside(trace, (await tableRows(path, same)) as Writer);
      await restoreFile(aside, { encoding: "aside", path: asidePath(trace, kept), size_bytes }, same);
      expect(await rowsIn(aside)).toEqual(before);
    }),
    { numRuns: 40 },
  );
});

it("restores what older traces have of texts, numbers and lists", async () => {
  const path = join(await newFolder(), "old.parquet");
  const content = [
    { name: "filepath", type: "string", values: ["{run}/a.jpg", ""] },
    { name: "score", type: "double", values: [0.5, null] },
    { name: "box", type: "double_list", values: [[1, 2], []] },
  ];
  await restoreFile(path, { encoding: "table", content }, (text) => text.replace("{run}", "/run"));
  expect(await rowsIn(path)).toEqual([
    { filepath: "/run/a.jpg", score: 0.5, box: [1, 2] },
    { filepath: "", score: null, box: [] },
  ]);
});

it.each<[ParquetColumn["type"], unknown]>([
  ["double_list", { length: 3 }],
  ["double", "1,5"],
  ["double", ""],
  ["double", true],
  ["double_list", [0.5, "x"]],
  ["int64", ""],
  ["int64", "0x10"],
  ["timestamp", "today"],
  ["boolean", 1],
  ["string", 5],
  ["json", "{"],
])("refuses a column of kind %s with the cell %j, in a line and beside the trace", async (type, cell) => {
  const folder = await newFolder();
  const text = `${JSON.stringify([["it", type]])}\n${JSON.stringify([cell])}\n`;
  const aside = join(folder, "packed.gz");
  await writeFile(aside, gzipSync(text));
  const files: StoredFile[] = [
    { encoding: "table", content: [{ name: "it", type, values: [cell] }] },
    { encoding: "aside", path: aside, size_bytes: text.length },
  ];
  for (const file of files) {
    const restoring = restoreFile(join(folder, "hostile.parquet"), file, (one) => one);
    await expect(restoring).rejects.toMatchObject({ code: "trace.unusable" });
  }
});

it("names paths within objects, also those with quotes", async () => {
  const at = await newFolder();
  const [path, inline, aside] = ["recorded", "inline", "aside"].map((one) => join(at, `${one}.parquet`)) as [
    string,
    string,
    string,
  ];
  const [before, after] = ['/a "run"', "/another\\run"];
  const values = [{ image: `${before}/a.png`, "of {run}": [1] }];
  await writeParquet(path, [{ name: "made_of", type: "json", values }]);
  const clean = (text: string) => text.replaceAll(before, "{run}");
  const put = (text: string) => text.replaceAll("{run}", after);
  const stored = (await storeFile(path, clean)) as StoredFile;
  expect(JSON.stringify(stored)).not.toContain("/a ");
  await restoreFile(inline, stored, put);
  const { sha256: kept, size_bytes } = await putAside(at, (await tableRows(path, clean)) as Writer);
  await restoreFile(aside, { encoding: "aside", path: asidePath(at, kept), size_bytes }, put);
  const expected = [{ made_of: { image: `${after}/a.png`, [`of ${after}`]: [1] } }];
  expect([await rowsIn(inline), await rowsIn(aside)]).toEqual([expected, expected]);
});
