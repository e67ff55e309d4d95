import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "@jest/globals";
import { gatherMined, miningSummary } from "../../../engine/mining/neighbors.ts";
import { compareTables, findNearest, type Progress } from "../../../server/data/nearest.ts";
import { writeParquet } from "../../../server/data/parquet.ts";
import type { Metric } from "../../../server/kpi/nearest/comparer.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";

const folder = temporaryFolders();
type Row = { filepath: string; label: string; embedding: readonly number[] };

async function tablesOf(source: readonly Row[], target: readonly Row[]) {
  const place = await folder();
  const tables = { source: join(place, "source.parquet"), targets: join(place, "targets.parquet") };
  for (const [path, rows] of [[tables.source, source] as const, [tables.targets, target] as const]) {
    await writeParquet(path, [
      { name: "filepath", type: "string", values: rows.map((row) => row.filepath) },
      { name: "label", type: "string", values: rows.map((row) => row.label) },
      { name: "embedding", type: "double_list", values: rows.map((row) => row.embedding) },
    ]);
  }
  return tables;
}

const row = (filepath: string, ...embedding: number[]): Row => ({ filepath, label: "PASS", embedding });

describe("nearest rows of one table to another", () => {
  const cases = join("test", "fixtures", "vectors", "nearest_neighbors");
  test.each(readdirSync(cases))("are the published program's: %s", async (name) => {
    const { input, expected } = JSON.parse(readFileSync(join(cases, name), "utf8"));
    const tables = await tablesOf(input.source, input.target);
    const metric = (input.knn_metric ?? "euclidean") as Metric;
    const found = await findNearest(tables, { metric, k: Number(input.topn) });
    const threshold = Number(input.distance_threshold ?? -1);
    const filter = String(input.filter_by_label ?? "false") === "true";
    const options = { topn: Number(input.topn), filter_by_label: filter, distance_threshold: threshold };
    const mined = gatherMined(found, options);
    expect(mined.filepaths).toEqual(expected.mined);
    expect(miningSummary(mined, options, "<TMP>/mined.parquet")).toBe(expected.summary);
  });

  it("are found by several threads in many pieces as by one", async () => {
    const width = 64;
    const wave = (at: number, speed: number) =>
      Array.from({ length: width }, (_, i) => Math.sin(at * speed + i * (1 + (at % 97))));
    const source = Array.from({ length: 20_000 }, (_, at) => row(`s${at}`, ...wave(at % 19_990, 0.37)));
    const target = Array.from({ length: 300 }, (_, at) => row(`t${at}`, ...wave(at * 66, 0.37)));
    const seen: Progress[] = [];
    const tables = await tablesOf(source, target);
    const found = await findNearest(tables, { metric: "cosine", k: 2 }, { onProgress: (one) => void seen.push(one) });
    const first = (at: number) => found.found.get(found.nearest.rows[2 * at] as number)?.filepath;
    expect(target.map((_, at) => first(at))).toEqual(target.map((_, at) => `s${(at * 66) % 19_990}`));
    // Rows 19,990 and on are copies of the first: the earlier one comes first.
    expect([...found.nearest.rows.subarray(0, 2)]).toEqual([0, 19_990]);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toEqual({ rows: 20_000, of: 20_000 });
  });

  it("are not looked for when nobody wants them any more", async () => {
    const tables = await tablesOf([row("a", 1, 0)], [row("t", 1, 0)]);
    const stop = new AbortController();
    stop.abort(new Error("not wanted"));
    const asked = findNearest(tables, { metric: "cosine", k: 1 }, { signal: stop.signal });
    await expect(asked).rejects.toThrow("not wanted");
  });

  test.each([
    [
      "fewer rows than neighbours",
      [row("a", 1, 0)],
      [row("t", 1, 0)],
      2,
      "n_neighbors 2 must be between 1 and the 1 rows",
    ],
    ["vectors of another length", [row("a", 1)], [row("t", 1, 0)], 1, "embeddings differ in length"],
    ["a row without a vector", [row("a", 1, 0), row("b")], [row("t", 1, 0)], 1, "holds a row without an embedding"],
    ["a vector with what is no number", [row("a", 1, Number.NaN)], [row("t", 1, 0)], 1, "a row without an embedding"],
    ["an empty table", [], [row("t", 1, 0)], 1, "has no embeddings"],
  ])("are refused for %s", async (_, source, target, k, message) => {
    const tables = await tablesOf(source, target);
    const refusal = await refusalOf(() => findNearest(tables, { metric: "cosine", k }));
    expect([refusal.code, refusal.message]).toEqual(["input.bad-parquet", expect.stringContaining(message)]);
  });
});

describe("similarity of the rows that are asked for", () => {
  it("comes in the order of asking, with the rows of both tables; what has no usable vector has none", async () => {
    const tables = await tablesOf([row("a", 2, 0), row("b", 1, 1), row("c", -1, 0), row("d")], [row("t", 3, 0)]);
    const found = await compareTables(tables, ["c", "a", "d", "x"]);
    expect([...found.nearest]).toEqual([
      ["c", -1],
      ["a", 1],
    ]);
    expect(Array.from(found.source, ({ filepath, length }) => [filepath, length])).toEqual([
      ["a", 2],
      ["b", 2],
      ["c", 2],
      ["d", 0],
    ]);
    expect([...found.targets]).toEqual([{ filepath: "t", number: 0, length: 2 }]);
  });

  it("names the target that each row is most like, however the rows are chosen", async () => {
    const sources = [row("a", 2, 0.5), row("b", 1, 3), row("c", 0, 1), row("d", -1, -1)];
    const tables = await tablesOf(sources, [row("t", 3, 0), row("u", 0, 2)]);
    const like = new Map(Object.entries({ a: "t", b: "u", c: "u" }));
    expect((await compareTables(tables, ["c", "b", "a"])).like).toEqual(like);
    const free = new Map(sources.map(({ filepath }) => [filepath, "PASS"]));
    const weak = new Map(["t", "u"].map((path) => [path, { label: "PASS", score: 1 }]));
    const rule = { min_similarity: 0.7, iteration: 1, iterations_left: 1, weak_samples: 8 };
    expect((await compareTables(tables, { free, weak, pool_scores: new Map(), ...rule })).like).toEqual(like);
  });

  it("names the table that cannot be read", async () => {
    const tables = await tablesOf([row("a", 2, 0)], [row("t", 3, 0)]);
    const refusal = await refusalOf(() => compareTables({ ...tables, targets: `${tables.targets}.gone` }, ["a"]));
    expect(refusal).toMatchObject({ code: "input.unreadable-file", facts: { path: `${tables.targets}.gone` } });
  });
});
