// Longer than other files: one measurement, read from top to bottom, that nothing else uses.
// Prints how the false alarm rate falls over the loop's iterations, against two controls: no new rows, random pool rows.
// usage: node bench/run.mjs learning WORKSPACE OUT_DIR [--kpi CSV --kpi-images DIR] [--pool CSV] [--seeds 5] [--iterations 3]
//        [--sdg 60] [--arms loop,control,random]
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import jpeg from "jpeg-js";
import { parse, stringify } from "yaml";
import { decodePixels } from "../engine/image/decode.ts";
import { runEngine } from "../engine/main.ts";
import { randomStream, shuffledIndices } from "../engine/random.ts";
import { readTable, writeTable } from "../server/data/csv.ts";
import { listCell, readParquet, textCell, writeParquet } from "../server/data/parquet.ts";
import { listNames, readBytes, readText } from "../server/fs/read.ts";

type Row = { input_path: string; golden_path: string; label: string; object_name: string };
type Arm = "loop" | "control" | "random";
type Point = { arm: Arm; seed: number; iteration: number; far99: number; far100: number; rows: number; mined: number };

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kpi: { type: "string" },
    "kpi-images": { type: "string" },
    pool: { type: "string" },
    seeds: { type: "string", default: "5" },
    iterations: { type: "string", default: "3" },
    sdg: { type: "string", default: "60" },
    arms: { type: "string", default: "loop,control,random" },
    floor: { type: "string", default: "0.9" },
    set: { type: "string", multiple: true, default: [] },
  },
});
const [workspaceArg, outArg] = positionals;
if (workspaceArg === undefined || outArg === undefined) throw new Error("usage: learning WORKSPACE OUT_DIR");
const workspace = resolve(workspaceArg);
const out = resolve(outArg);
const images = join(workspace, "kpi/images");
const kpiCsv = resolve(flags.kpi ?? join(workspace, "kpi/testing_set.csv"));
const kpiImages = resolve(flags["kpi-images"] ?? images);
const poolCsv = resolve(flags.pool ?? join(workspace, "augmentation/mining_pool/mining_pool.csv"));
const poolImages = join(workspace, "augmentation/mining_pool");
const light = "SolderLight";

async function engine(...argv: string[]): Promise<string> {
  const errors: string[] = [];
  const lines: string[] = [];
  const code = await runEngine(argv, {
    stdout: { write: (text) => lines.push(text) },
    stderr: { write: (text) => errors.push(text) },
    env: { DEFT_ENGINE_CACHE: join(out, "cache") },
    cwd: out,
  });
  if (code !== 0) throw new Error(`${argv.join(" ")}\n${errors.join("")}`);
  return lines.join("");
}

async function readRows(csv: string, root: string): Promise<Row[]> {
  const { header, rows } = await readTable(csv);
  const at = (name: string) => header.indexOf(name);
  return rows.map((cells) => ({
    input_path: join(root, cells[at("input_path")] ?? ""),
    golden_path: join(root, cells[at("golden_path")] ?? ""),
    label: cells[at("label")] ?? "",
    object_name: cells[at("object_name")] ?? "",
  }));
}

const fileOf = (row: Row) => join(row.input_path, `${row.object_name}_${light}.jpg`);
const goldenOf = (row: Row) => join(row.golden_path, `${row.object_name}_${light}.jpg`);

async function writeRows(path: string, rows: readonly Row[]): Promise<void> {
  const columns = ["input_path", "golden_path", "label", "object_name"] as const;
  await writeTable(
    path,
    columns,
    rows.map((row) => columns.map((name) => row[name])),
  );
}

/** FAR in percent at the highest threshold that still catches the share of the defects. */
function farAt(scored: readonly { pass: boolean; score: number }[], recall: number): number {
  const bad = scored
    .filter((one) => !one.pass)
    .map((one) => one.score)
    .sort((a, b) => a - b);
  const good = scored.filter((one) => one.pass);
  const lowest = bad[Math.floor((1 - recall) * bad.length + 1e-9)] ?? Number.NaN;
  return (100 * good.filter((one) => one.score >= lowest).length) / good.length;
}

async function score(spec: string, checkpoint: string, folder: string) {
  await engine(
    "visual_changenet",
    "inference",
    "-e",
    spec,
    `inference.checkpoint=${checkpoint}`,
    `inference.results_dir=${folder}`,
  );
  const { header, rows } = await readTable(join(folder, "inference.csv"));
  const scored = rows.map((cells) => ({
    pass: cells[header.indexOf("label")] === "PASS",
    score: Number(cells[header.indexOf("siamese_score")]),
  }));
  return { folder, checkpoint, far99: farAt(scored, 0.99), far100: farAt(scored, 1) };
}

async function runTraining(spec: string, folder: string, seed: number, csv: string, warm: string | undefined) {
  await engine(
    ...["visual_changenet", "train", "-e", spec, `train.results_dir=${folder}/train`, `train.seed=${seed}`],
    ...[`dataset.classify.train_dataset.csv_path=${csv}`, `dataset.classify.train_dataset.images_dir=/`],
    ...(warm === undefined ? [] : [`train.pretrained_model_path=${warm}`]),
    ...flags.set,
  );
  const names = (await listNames(`${folder}/train`)).filter((name) => name.startsWith("model_epoch"));
  const candidates = [];
  for (const name of names)
    candidates.push(await score(spec, `${folder}/train/${name}`, `${folder}/inference/${name}`));
  candidates.sort((a, b) => a.far100 - b.far100);
  const best = candidates[0];
  if (best === undefined) throw new Error("no checkpoint");
  return best;
}

async function mineRows(
  folder: string,
  best: string,
  spec: string,
  pool: readonly Row[],
  used: Set<string>,
  kpi: Map<string, Row>,
) {
  mkdirSync(folder, { recursive: true });
  await engine(
    ...[
      "gap_analysis",
      "vcn_aoi",
      "-e",
      join(out, "gap.yaml"),
      `inference_results_dir=${best}`,
      `train_config=${spec}`,
    ],
    ...[`kpi_media_path=${kpiImages}`, `results_dir=${folder}`],
  );
  const { rows: gaps } = await readParquet(join(folder, "kpi_gaps.parquet"));
  const weak = gaps.map((row) => textCell(row, "filepath"));
  await writeParquet(join(folder, "targets.parquet"), [
    { name: "filepath", type: "string", values: weak },
    { name: "golden_filepath", type: "string", values: weak.map((file) => goldenOf(kpi.get(file) as Row)) },
  ]);
  const embed = ["embedding", "image_embeddings", "-e", join(out, "embed.yaml")];
  await engine(
    ...embed,
    `input_parquet=${folder}/targets.parquet`,
    `output_parquet=${folder}/target_embeddings.parquet`,
  );
  await engine(
    ...[
      "tmm",
      "nearest_neighbors",
      "-e",
      join(out, "mine.yaml"),
      `source_parquet=${join(out, "pool_embeddings.parquet")}`,
    ],
    ...[`target_parquet=${folder}/target_embeddings.parquet`, `output_parquet=${folder}/mined_raw.parquet`],
  );
  const vectors = async (path: string) =>
    new Map(
      (await readParquet(path)).rows.map((row) => [
        textCell(row, "filepath"),
        listCell(row, "embedding") ?? new Float64Array(),
      ]),
    );
  const source = await vectors(join(out, "pool_embeddings.parquet"));
  const targets = [...(await vectors(`${folder}/target_embeddings.parquet`)).values()];
  const raw = (await readParquet(`${folder}/mined_raw.parquet`)).rows.map((row) => textCell(row, "filepath"));
  const floor = Number(flags.floor);
  const kept = raw.filter((file) => {
    const vector = source.get(file) ?? new Float64Array();
    return targets.some((other) => vector.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0) >= floor);
  });
  const fresh = new Set(kept.filter((file) => !used.has(file)));
  return { rows: pool.filter((row) => fresh.has(fileOf(row))), raw: raw.length, kept: kept.length };
}

async function generateRows(folder: string, seed: number): Promise<Row[]> {
  const dataset = join(workspace, "augmentation/anomalygen/datasets/deeppcb");
  const jsonl = join(folder, "testcase.jsonl");
  await engine(
    ...["prep_testcase", "--name", "bench", "--num-sdg", flags.sdg, "--dataset-dir", dataset, "--clean-dir", dataset],
    ...["--defect-spec", join(dataset, "defect_spec.jsonl"), "--amp-output-dir", join(folder, "amp")],
    ...["--output-jsonl", jsonl, "--seed", String(seed)],
  );
  await engine(
    ...[
      "run_sdg",
      "--checkpoint_dir",
      "none",
      "--step",
      "1",
      "--input_jsonl",
      jsonl,
      "--output_dir",
      join(folder, "sdg"),
    ],
    ...["--model_size", "2b", "--num_gpus", "1", "--seed", String(seed)],
  );
  const rows: Row[] = [];
  for (const name of await listNames(join(folder, "sdg/reconstructed_image"))) {
    const stem = name.replace(/\.png$/, "");
    for (const [from, to] of [
      ["reconstructed_image", "ng"],
      ["original_image", "ok"],
    ] as const) {
      const pixels = decodePixels(await readBytes(join(folder, "sdg", from, name)), name);
      mkdirSync(join(folder, to), { recursive: true });
      writeFileSync(join(folder, to, `${stem}_${light}.jpg`), jpeg.encode(pixels, 95).data);
    }
    const label = stem.replace(/^[^+]*\+/, "").replace(/_[^_]*$/, "");
    rows.push({ input_path: join(folder, "ng"), golden_path: join(folder, "ok"), label, object_name: stem });
  }
  return rows;
}

async function runArm(
  arm: Arm,
  seed: number,
  spec: string,
  pool: readonly Row[],
  kpi: Map<string, Row>,
): Promise<Point[]> {
  const points: Point[] = [];
  const base = join(out, `${arm}-${seed}`);
  rmSync(base, { recursive: true, force: true });
  let rows = await readRows(join(workspace, "train/base/training_set.csv"), images);
  const random = randomStream(seed + 99);
  const used = new Set<string>();
  let best = { folder: "", checkpoint: "", far99: 0, far100: 0 };
  for (let iteration = 0; iteration <= Number(flags.iterations); iteration++) {
    const folder = join(base, `iter${iteration}`);
    mkdirSync(folder, { recursive: true });
    let mined: Row[] = [];
    let note = "";
    if (iteration > 0 && arm !== "control") {
      const found = await mineRows(join(folder, "mining"), best.folder, spec, pool, used, kpi);
      mined = found.rows;
      note = `raw ${found.raw} kept ${found.kept} new ${mined.length} (PASS ${mined.filter((row) => row.label === "PASS").length})`;
      if (arm === "random") {
        const rest = pool.filter((row) => !used.has(fileOf(row)));
        mined = shuffledIndices(rest.length, random)
          .slice(0, mined.length)
          .map((i) => rest[i] as Row);
      }
      for (const row of mined) used.add(fileOf(row));
      const made = Number(flags.sdg) > 0 ? await generateRows(join(folder, "sdg"), seed * 100 + iteration) : [];
      rows = [...rows, ...made, ...mined];
    }
    const csv = join(folder, "train.csv");
    await writeRows(csv, rows);
    best = await runTraining(spec, folder, seed, csv, iteration === 0 ? undefined : best.checkpoint);
    points.push({
      arm,
      seed,
      iteration,
      far99: best.far99,
      far100: best.far100,
      rows: rows.length,
      mined: mined.length,
    });
    console.log(
      `${arm} seed ${seed} iter ${iteration}: FAR@99 ${best.far99.toFixed(2)} FAR@100 ${best.far100.toFixed(2)} rows ${rows.length} ${note}`,
    );
  }
  return points;
}

async function main(): Promise<void> {
  mkdirSync(out, { recursive: true });
  const tree = parse(await readText(join(workspace, "specs/baseline_spec.yaml")));
  const classify = tree.dataset.classify;
  for (const name of ["validation_dataset", "test_dataset"]) {
    classify[name] = { csv_path: join(workspace, "train/base/validation_set.csv"), images_dir: images };
  }
  classify.infer_dataset = { csv_path: kpiCsv, images_dir: kpiImages };
  const spec = join(out, "spec.yaml");
  writeFileSync(spec, stringify(tree));
  writeFileSync(join(out, "gap.yaml"), "min_recall: 1.0\ntop_k_per_label: 50\n");
  writeFileSync(join(out, "embed.yaml"), "model: SigLIP\nmodel_path: google/siglip-base-patch16-224\nbatch_size: 64\n");
  writeFileSync(join(out, "mine.yaml"), 'topn: 5\nknn_metric: cosine\nfilter_by_label: "false"\n');
  const pool = await readRows(poolCsv, poolImages);
  const kpi = new Map((await readRows(kpiCsv, kpiImages)).map((row) => [fileOf(row), row]));
  await writeParquet(join(out, "pool.parquet"), [
    { name: "filepath", type: "string", values: pool.map(fileOf) },
    { name: "golden_filepath", type: "string", values: pool.map(goldenOf) },
  ]);
  await engine(
    "embedding",
    "image_embeddings",
    "-e",
    join(out, "embed.yaml"),
    `input_parquet=${out}/pool.parquet`,
    `output_parquet=${out}/pool_embeddings.parquet`,
  );
  const points: Point[] = [];
  for (const arm of flags.arms.split(",") as Arm[]) {
    for (let seed = 1; seed <= Number(flags.seeds); seed++) points.push(...(await runArm(arm, seed, spec, pool, kpi)));
  }
  printTable(points);
}

function printTable(points: readonly Point[]): void {
  const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1]?.toFixed(2) ?? "";
  console.log("\narm      iteration  rows   mined  FAR@99 median (min-max)  FAR@100 median");
  for (const arm of new Set(points.map((point) => point.arm))) {
    for (const iteration of new Set(points.map((point) => point.iteration))) {
      const at = points.filter((point) => point.arm === arm && point.iteration === iteration);
      const far99 = at.map((point) => point.far99);
      console.log(
        `${arm.padEnd(8)} ${iteration}          ${median(at.map((p) => p.rows))}  ${median(at.map((p) => p.mined))}  ` +
          `${median(far99)} (${Math.min(...far99).toFixed(2)}-${Math.max(...far99).toFixed(2)})  ${median(at.map((p) => p.far100))}`,
      );
    }
  }
}

await main();
