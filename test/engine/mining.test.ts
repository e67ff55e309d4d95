import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { gatherMined, miningSummary } from "../../engine/mining/neighbors.ts";
import type { NearestRows } from "../../server/data/nearest.ts";
import { readParquet, textCell, writeParquet } from "../../server/data/parquet.ts";
import { readText } from "../../server/fs/read.ts";
import { listCell } from "../support/list-cell.ts";
import { drawBoard, runEntry, temporaryFolder, withDefect, writeJpeg } from "./support.ts";

const paths = ["a", "b", "c", "d"];
const labels = ["bridge", "PASS", "missing", "bridge"];
/** Two targets: `a` and `c` are nearest to the first, `c` and `b` to the second. */
const found: NearestRows = {
  target_labels: ["bridge", "MISSING "],
  unlabelled: [],
  nearest: {
    k: 2,
    rows: Float64Array.from([0, 2, 2, 1]),
    distances: Float64Array.from([0.01, 0.25, 0.01, 0.3]),
  },
  found: new Map(paths.map((filepath, at) => [at, { filepath, label: labels[at] as string }])),
};
const options = { topn: 2, filter_by_label: false, distance_threshold: -1 };

describe("nearest neighbours", () => {
  it("gathers the nearest of each target in target order and saves each path once", () => {
    const mined = gatherMined(found, options);
    expect(mined.filepaths).toEqual(["a", "c", "b"]);
    expect(miningSummary(mined, options, "out.parquet")).toBe(
      "Summary:\n  Target queries: 2\n  Similar items per query: 2\n  Total pairs: 4\n  Total candidates: 4\n" +
        "  Duplicates removed: 1\n  Unique items saved: 3\n  Results saved to: out.parquet\n",
    );
  });

  it("drops neighbours of another label, blanks and case aside, and counts them", () => {
    const filtered = { ...options, filter_by_label: true };
    const mined = gatherMined(found, filtered);
    expect(mined.filepaths).toEqual(["a", "c"]);
    expect(miningSummary(mined, filtered, "o")).toContain(
      "  After label mismatch filtering: kept 2/4 pairs, dropped 2 mismatches\n  Total candidates: 2\n",
    );
  });

  it("drops what is too far away, and counts it", () => {
    const near = { ...options, distance_threshold: 0.25 };
    const mined = gatherMined(found, near);
    expect(mined.filepaths).toEqual(["a", "c"]);
    expect(miningSummary(mined, near, "o")).toContain("kept 3/4 pairs, dropped 1\n");
  });
});

describe("embedding and mining by the entry points", () => {
  it("finds the pool image with the same defect, with vectors of length 1 in a list column", async () => {
    const folder = temporaryFolder();
    const pair = (name: string, board: number, defect: number | undefined, noise: number) => {
      const golden = drawBoard(board);
      writeJpeg(join(folder, "test", `${name}.jpg`), defect === undefined ? golden : withDefect(golden, defect), noise);
      writeJpeg(join(folder, "golden", `${name}.jpg`), golden, noise + 1);
      return join(folder, "test", `${name}.jpg`);
    };
    const query = pair("query", 3, 8, 1);
    const files = [pair("same", 3, 8, 5), pair("clean", 3, undefined, 7), pair("other", 4, undefined, 9)];
    const column = (values: string[]) => [{ name: "filepath", type: "string" as const, values }];
    await writeParquet(join(folder, "target.parquet"), [
      ...column([query]),
      { name: "label", type: "string", values: ["bridge"] },
      { name: "siamese_score", type: "double", values: [0.25] },
    ]);
    await writeParquet(join(folder, "source.parquet"), column(files));
    writeFileSync(join(folder, "embed.yaml"), "model: SigLIP\nmodel_path: x\nbatch_size: 64\n");
    writeFileSync(join(folder, "mine.yaml"), 'topn: 1\nknn_metric: cosine\nfilter_by_label: "false"\n');
    const env = { DEFT_ENGINE_CACHE: join(folder, "cache"), DEFT_ENGINE_CACHE_KEY: "key" };
    for (const side of ["target", "source"]) {
      const result = await runEntry(
        [
          ...["embedding", "image_embeddings", "-e", `${folder}/embed.yaml`],
          ...[`input_parquet=${folder}/${side}.parquet`, `output_parquet=${folder}/${side}_out.parquet`],
        ],
        env,
      );
      expect(result.stdout).toContain("Execution status: PASS");
    }
    const embedded = await readParquet(join(folder, "target_out.parquet"));
    expect(embedded.columns).toEqual(["filepath", "label", "siamese_score", "embedding"]);
    const vector = listCell(embedded.rows[0] ?? {}, "embedding") ?? [];
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    const mined = await runEntry([
      ...["tmm", "nearest_neighbors", "-e", `${folder}/mine.yaml`, `source_parquet=${folder}/source_out.parquet`],
      ...[`target_parquet=${folder}/target_out.parquet`, `output_parquet=${folder}/mined.parquet`],
    ]);
    expect(mined.code).toBe(0);
    const found = await readParquet(join(folder, "mined.parquet"));
    expect(found.rows.map((one) => textCell(one, "filepath"))).toEqual([files[0]]);
    expect(await readText(join(folder, "mining_summary.txt"))).toContain("Unique items saved: 1");
  });

  it("takes the vectors of a table, in its order, and says which image it has none of", async () => {
    const folder = temporaryFolder();
    const table = join(folder, "vectors.parquet");
    await writeParquet(table, [
      { name: "filepath", type: "string", values: ["/b.jpg", "/elsewhere.jpg", "/a.jpg"] },
      {
        name: "embedding",
        type: "double_list",
        values: [
          [0, 2],
          [9, 9],
          [3, 4],
        ],
      },
    ]);
    const embed = async (...images: string[]) => {
      await writeParquet(join(folder, "in.parquet"), [
        { name: "filepath", type: "string", values: images },
        { name: "siamese_score", type: "double", values: images.map((_, at) => at / 4) },
      ]);
      writeFileSync(join(folder, "embed.yaml"), `model: SigLIP\nmodel_path: ${table}\n`);
      const places = [`input_parquet=${folder}/in.parquet`, `output_parquet=${folder}/out.parquet`];
      return await runEntry(["embedding", "image_embeddings", "-e", `${folder}/embed.yaml`, ...places]);
    };
    expect((await embed("/a.jpg", "/b.jpg")).code).toBe(0);
    const { rows } = await readParquet(join(folder, "out.parquet"));
    expect(rows.map((row) => [row.filepath, row.siamese_score, [...(listCell(row, "embedding") ?? [])]])).toEqual([
      ["/b.jpg", 0.25, [0, 2]],
      ["/a.jpg", 0, [3, 4]],
    ]);
    const lacking = await embed("/a.jpg", "/c.jpg", "/b.jpg");
    expect([lacking.code, lacking.stderr]).toEqual([1, expect.stringContaining("no embedding of 1 images, /c.jpg")]);
  });

  it("says what is missing as the toolkit does", async () => {
    const folder = temporaryFolder();
    const none = await runEntry(["tmm", "nearest_neighbors"]);
    expect(none.stderr).toContain(
      "ValueError: The subtask `nearest_neighbors` requires the following argument: -e/--experiment_spec_file",
    );
    expect(none.stdout).toContain("Execution status: FAIL");
    writeFileSync(join(folder, "embed.yaml"), "model: Nonsense\nmodel_path: x\n");
    const model = await runEntry(["embedding", "image_embeddings", "-e", `${folder}/embed.yaml`]);
    expect(model.stderr).toContain("ValueError: Embedding model Nonsense is not valid");
    expect((await runEntry(["embedding", "text_embeddings"])).code).toBe(2);
  });
});
