import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import { temporaryFolders } from "../support/folder.ts";
import { listCell } from "../support/list-cell.ts";

const folder = temporaryFolders();
const python = process.env.PYTHON ?? "python3";

function run(script: string, ...args: string[]): string {
  return execFileSync(python, ["-c", script, ...args], { encoding: "utf8" });
}

beforeAll(() => {
  try {
    run("import pyarrow, pandas");
  } catch (error) {
    throw new Error(`This suite needs ${python} with pyarrow and pandas.`, { cause: error });
  }
});

describe("parquet shared with pyarrow and pandas", () => {
  it("pyarrow reads string, double and list<double>, with rows and without", async () => {
    const path = join(await folder(), "t.parquet");
    const describeFile =
      "import sys, json, pyarrow.parquet as pq\nt = pq.read_table(sys.argv[1])\n" +
      "print(json.dumps([[str(f.type) for f in t.schema], t.column_names, t.to_pylist()]))";
    for (const rows of [[{ f: "a é", s: 0.1, e: [0.25, -1e-300] }], []]) {
      await writeParquet(path, [
        { name: "filepath", type: "string", values: rows.map((row) => row.f) },
        { name: "siamese_score", type: "double", values: rows.map((row) => row.s) },
        { name: "embedding", type: "double_list", values: rows.map((row) => row.e) },
      ]);
      const [types, names, read] = JSON.parse(run(describeFile, path));
      expect(types.slice(0, 2)).toEqual(["string", "double"]);
      expect(types[2]).toMatch(/^list<\w+: double>$/);
      expect(names).toEqual(["filepath", "siamese_score", "embedding"]);
      expect(read).toEqual(rows.map(({ f, s, e }) => ({ filepath: f, siamese_score: s, embedding: e })));
    }
  });

  it.each(["snappy", "zstd", "gzip", "brotli", "lz4", "none"])("reads what pandas writes with %s", async (codec) => {
    const path = join(await folder(), "t.parquet");
    const write =
      "import sys, pandas as pd\n" +
      "pd.DataFrame({'filepath': ['a', 'b'] * 500, 'label': ['PASS', None] * 500, 'siamese_score': [0.1, 0.2] * 500," +
      " 'embedding': [[0.5, 1.0], [2.0, 3.0]] * 500}).to_parquet(sys.argv[1], compression=" +
      "None if sys.argv[2] == 'none' else sys.argv[2])";
    run(write, path, codec);
    const { columns, rows } = await readParquet(path);
    expect(columns).toEqual(["filepath", "label", "siamese_score", "embedding"]);
    expect(rows).toHaveLength(1000);
    expect(
      rows.slice(0, 2).map((row) => [textCell(row, "filepath"), textCell(row, "label"), row.siamese_score]),
    ).toEqual([
      ["a", "PASS", 0.1],
      ["b", "", 0.2],
    ]);
    expect(rows.slice(0, 2).map((row) => [...(listCell(row, "embedding") ?? [])])).toEqual([
      [0.5, 1],
      [2, 3],
    ]);
  });

  it("reads large_string, float32 lists and files without rows", async () => {
    const path = join(await folder(), "t.parquet");
    const large =
      "import sys, pyarrow as pa, pyarrow.parquet as pq\n" +
      "pq.write_table(pa.table({'filepath': pa.array(['x'], pa.large_string())," +
      " 'embedding': pa.array([[0.5]], pa.list_(pa.float32()))}), sys.argv[1])";
    run(large, path);
    const { rows } = await readParquet(path);
    expect([textCell(rows[0] ?? {}, "filepath"), ...(listCell(rows[0] ?? {}, "embedding") ?? [])]).toEqual(["x", 0.5]);
    const empty =
      "import sys, pandas as pd\npd.DataFrame({'filepath': [], 'label': [], 'w': []}).astype({'label': object})" +
      ".to_parquet(sys.argv[1])";
    run(empty, path);
    expect(await readParquet(path)).toEqual({ columns: ["filepath", "label", "w"], rows: [] });
  });
});
