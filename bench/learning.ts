// Longer than other files: one measurement, read from top to bottom, that nothing else uses.
// Prints how FAR falls over the loop's iterations on boards that the loop works on and on boards that it never sees, by
// mining rule and against controls. The KPI boards are halved: each half is worked on once while the other is unseen.
// usage: node bench/run.mjs learning WORKSPACE... OUT_DIR [--seeds 1,2,3,4,5] [--iterations 3] [--sdg 20]
//        [--arms pool_error,random,vendor,gaps,no_generation,nothing] [--minutes 3]
// What is done is kept in OUT_DIR: called again, it goes on where its minutes ended. `random` adds in each iteration as
// many pool rows as pool_error did.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import jpeg from "jpeg-js";
import { parse, stringify } from "yaml";
import { decodePixels } from "../engine/image/decode.ts";
import { runEngine } from "../engine/main.ts";
import { randomStream, shuffledIndices } from "../engine/random.ts";
import { readTable, writeTable } from "../server/data/csv.ts";
import { readGapTable } from "../server/data/gap-files.ts";
import { compareTables } from "../server/data/nearest.ts";
import { readParquet, textCell, writeParquet } from "../server/data/parquet.ts";
import { listNames, readBytes, readText } from "../server/fs/read.ts";

const armNames = ["pool_error", "random", "vendor", "gaps", "no_generation", "nothing"] as const;
type Arm = (typeof armNames)[number];
type Row = { input_path: string; golden_path: string; label: string; object_name: string; boardname: string };
/** One trained model of one arm; FAR in percent at recall 99 %. */
type Point = {
  workspace: string;
  arm: Arm;
  seed: number;
  half: number;
  iteration: number;
  kpi: number;
  unseen: number;
  rows: number;
  mined: number;
};
type Best = { folder: string; checkpoint: string; kpi: number; kpi100: number; unseen: number };
type RowSet = { csv: string; rows: readonly Row[] };
/** What one half of a workspace is measured with. */
type Sets = {
  folder: string;
  spec: string;
  workspace: string;
  kpi: RowSet;
  unseen: RowSet;
  pool: RowSet;
  base: readonly Row[];
  byFile: ReadonlyMap<string, Row>;
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1,2,3,4,5" },
    iterations: { type: "string", default: "3" },
    sdg: { type: "string", default: "20" },
    arms: { type: "string", default: armNames.join(",") },
    floor: { type: "string", default: "0.7" },
    minutes: { type: "string", default: "600" },
  },
});
const workspaces = positionals.slice(0, -1).map((path) => resolve(path));
const out = resolve(positionals.at(-1) ?? "");
if (workspaces.length === 0) throw new Error("usage: learning WORKSPACE... OUT_DIR");
const pointsFile = join(out, "points.jsonl");
const deadline = Date.now() + Number(flags.minutes) * 60_000;
const light = "SolderLight";

async function engine(...argv: string[]): Promise<void> {
  const errors: string[] = [];
  const code = await runEngine(argv, {
    stdout: { write: () => undefined },
    stderr: { write: (text) => errors.push(text) },
    env: { DEFT_ENGINE_CACHE: join(out, "cache") },
    cwd: out,
  });
  if (code !== 0) throw new Error(`${argv.join(" ")}\n${errors.join("")}`);
}

async function readRows(csv: string, root: string): Promise<Row[]> {
  const { header, rows } = await readTable(csv);
  const at = (name: string) => header.indexOf(name);
  return rows.map((cells) => ({
    input_path: join(root, cells[at("input_path")] ?? ""),
    golden_path: join(root, cells[at("golden_path")] ?? ""),
    label: cells[at("label")] ?? "",
    object_name: cells[at("object_name")] ?? "",
    boardname: cells[at("boardname")] ?? "",
  }));
}

const fileOf = (row: Row) => join(row.input_path, `${row.object_name}_${light}.jpg`);
const goldenOf = (row: Row) => join(row.golden_path, `${row.object_name}_${light}.jpg`);

async function writeRows(csv: string, rows: readonly Row[]): Promise<RowSet> {
  const columns = ["input_path", "golden_path", "label", "object_name"] as const;
  await writeTable(
    csv,
    columns,
    rows.map((row) => columns.map((name) => row[name])),
  );
  return { csv, rows };
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

async function scoresOf(sets: Sets, checkpoint: string, folder: string, set: RowSet): Promise<number[]> {
  await engine(
    ...["visual_changenet", "inference", "-e", sets.spec, `inference.checkpoint=${checkpoint}`],
    ...[`inference.results_dir=${folder}`, `dataset.classify.infer_dataset.csv_path=${set.csv}`],
    "dataset.classify.infer_dataset.images_dir=/",
  );
  const { header, rows } = await readTable(join(folder, "inference.csv"));
  return rows.map((cells) => Number(cells[header.indexOf("siamese_score")]));
}

async function farsOf(sets: Sets, checkpoint: string, folder: string, set: RowSet) {
  const scores = await scoresOf(sets, checkpoint, folder, set);
  const scored = set.rows.map(({ label }, at) => ({ pass: label === "PASS", score: scores[at] ?? Number.NaN }));
  return { far99: farAt(scored, 0.99), far100: farAt(scored, 1) };
}

async function trained(sets: Sets, folder: string, seed: number, csv: string, warm: string | undefined): Promise<Best> {
  const done = join(folder, "train");
  await engine(
    ...["visual_changenet", "train", "-e", sets.spec, `train.results_dir=${done}`, `train.seed=${seed}`],
    ...[`dataset.classify.train_dataset.csv_path=${csv}`, "dataset.classify.train_dataset.images_dir=/"],
    ...(warm === undefined ? [] : [`train.pretrained_model_path=${warm}`]),
  );
  const candidates: Best[] = [];
  for (const name of (await listNames(done)).filter((file) => file.startsWith("model_epoch"))) {
    const checkpoint = join(done, name);
    const scored = join(folder, "inference", name);
    const { far99: kpi, far100: kpi100 } = await farsOf(sets, checkpoint, scored, sets.kpi);
    candidates.push({ folder: scored, checkpoint, kpi, kpi100, unseen: 0 });
  }
  const best = candidates.sort((a, b) => a.kpi100 - b.kpi100)[0];
  if (best === undefined) throw new Error("no checkpoint");
  const { far99: unseen } = await farsOf(sets, best.checkpoint, join(folder, "unseen"), sets.unseen);
  return { ...best, unseen };
}

type Mining = { folder: string; best: Best; sets: Sets; used: ReadonlySet<string>; iteration: number };

/** The weak KPI samples of the best model, embedded, as the loop does it. */
async function weakSamples({ folder, best, sets }: Mining) {
  mkdirSync(folder, { recursive: true });
  const gaps = ["gap_analysis", "vcn_aoi", "-e", join(out, "gap.yaml"), `inference_results_dir=${best.folder}`];
  await engine(...gaps, `train_config=${sets.spec}`, "kpi_media_path=/", `results_dir=${folder}`);
  const weak = await readGapTable(join(folder, "kpi_gaps.parquet"));
  await embed(
    weak.map(({ filepath }) => [filepath, goldenOf(sets.byFile.get(filepath) as Row)]),
    join(folder, "targets"),
  );
  return weak;
}

async function embed(files: readonly (readonly [string, string])[], stem: string): Promise<void> {
  await writeParquet(`${stem}.parquet`, [
    { name: "filepath", type: "string", values: files.map(([file]) => file) },
    { name: "golden_filepath", type: "string", values: files.map(([, golden]) => golden) },
  ]);
  const tables = [`input_parquet=${stem}.parquet`, `output_parquet=${stem}_embeddings.parquet`];
  await engine("embedding", "image_embeddings", "-e", join(out, "embed.yaml"), ...tables);
}

/** The vendor's rule: k-NN, cut-off, and history last. */
async function mineByVendor(mining: Mining): Promise<Row[]> {
  const { folder, sets, used } = mining;
  await weakSamples(mining);
  const [source, target] = [join(sets.folder, "pool_embeddings.parquet"), join(folder, "targets_embeddings.parquet")];
  const tables = [`source_parquet=${source}`, `target_parquet=${target}`, `output_parquet=${folder}/mined_raw.parquet`];
  await engine("tmm", "nearest_neighbors", "-e", join(out, "mine.yaml"), ...tables);
  const raw = (await readParquet(`${folder}/mined_raw.parquet`)).rows.map((row) => textCell(row, "filepath"));
  const { nearest } = await compareTables({ source, targets: target }, raw);
  const fresh = new Set(raw.filter((file) => (nearest.get(file) ?? -1) >= 0.9 && !used.has(file)));
  return sets.pool.rows.filter((row) => fresh.has(fileOf(row)));
}

/** The server's rule; without the model's scores of the pool it knows the weak samples alone. */
async function mineByRule(mining: Mining, scored: boolean): Promise<Row[]> {
  const { folder, best, sets, used, iteration } = mining;
  const weak = await weakSamples(mining);
  const scores = scored ? await scoresOf(sets, best.checkpoint, join(folder, "pool_scores"), sets.pool) : [];
  const { nearest } = await compareTables(
    {
      source: join(sets.folder, "pool_embeddings.parquet"),
      targets: join(folder, "targets_embeddings.parquet"),
    },
    {
      free: new Map(sets.pool.rows.filter((row) => !used.has(fileOf(row))).map((row) => [fileOf(row), row.label])),
      weak: new Map(weak.map((gap) => [gap.filepath, { label: gap.label, score: gap.siamese_score }])),
      pool_scores: new Map(scores.map((score, at) => [fileOf(sets.pool.rows[at] as Row), score])),
      min_similarity: Number(flags.floor),
      iteration,
      iterations_left: Number(flags.iterations) - iteration + 1,
      weak_samples: weak.length,
    },
  );
  return sets.pool.rows.filter((row) => nearest.has(fileOf(row)));
}

async function generateRows(workspace: string, folder: string, seed: number): Promise<Row[]> {
  if (Number(flags.sdg) === 0) return [];
  const root = join(workspace, "augmentation/anomalygen/datasets");
  const dataset = join(root, (await listNames(root))[0] ?? "");
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
    rows.push({
      input_path: join(folder, "ng"),
      golden_path: join(folder, "ok"),
      label,
      object_name: stem,
      boardname: "",
    });
  }
  return rows;
}

type Progress = { arm: Arm; seed: number; half: number; budget: readonly number[] };

async function addedRows(arm: Arm, mining: Mining, { seed, half, budget }: Progress): Promise<Row[]> {
  if (arm === "nothing") return [];
  if (arm === "vendor") return await mineByVendor(mining);
  if (arm !== "random") return await mineByRule(mining, arm !== "gaps");
  const left = mining.sets.pool.rows.filter((row) => !mining.used.has(fileOf(row)));
  const order = shuffledIndices(left.length, randomStream(1000 * seed + 10 * half + mining.iteration));
  return order.slice(0, budget[mining.iteration - 1]).map((at) => left[at] as Row);
}

async function runArm(sets: Sets, progress: Progress): Promise<Point[]> {
  const { arm, seed, half } = progress;
  const points: Point[] = [];
  const used = new Set<string>();
  let rows = [...sets.base];
  let best: Best | undefined;
  for (let iteration = 0; iteration <= Number(flags.iterations); iteration++) {
    const folder = join(sets.folder, `${arm}-${seed}`, `iter${iteration}`);
    mkdirSync(folder, { recursive: true });
    let mined: Row[] = [];
    if (best !== undefined) {
      mined = await addedRows(arm, { folder: join(folder, "mining"), best, sets, used, iteration }, progress);
      for (const row of mined) used.add(fileOf(row));
      const generates = arm !== "no_generation" && arm !== "nothing";
      const made = generates ? await generateRows(sets.workspace, join(folder, "sdg"), seed * 100 + iteration) : [];
      rows = [...rows, ...made, ...mined];
    }
    const { csv } = await writeRows(join(folder, "train.csv"), rows);
    best = await trained(sets, folder, seed, csv, best?.checkpoint);
    const { kpi, unseen } = best;
    const facts = { workspace: basename(sets.workspace), arm, seed, half, iteration };
    points.push({ ...facts, kpi, unseen, rows: rows.length, mined: mined.length });
  }
  return points;
}

/** The workspace with one half of its KPI boards to work on and the other unseen. */
async function halfOf(workspace: string, half: number): Promise<Sets> {
  const folder = join(out, basename(workspace), `half${half}`);
  mkdirSync(folder, { recursive: true });
  const images = join(workspace, "kpi/images");
  const kpi = await readRows(join(workspace, "kpi/testing_set.csv"), images);
  const boards = [...new Set(kpi.map(({ boardname }) => boardname))].sort();
  const order = shuffledIndices(boards.length, randomStream(24));
  const mine = new Set(order.filter((_, at) => at % 2 === half).map((at) => boards[at]));
  const poolRoot = join(workspace, "augmentation/mining_pool");
  const tree = parse(await readText(join(workspace, "specs/baseline_spec.yaml")));
  for (const name of ["validation_dataset", "test_dataset"]) {
    tree.dataset.classify[name] = { csv_path: join(workspace, "train/base/validation_set.csv"), images_dir: images };
  }
  const spec = join(folder, "spec.yaml");
  writeFileSync(spec, stringify(tree));
  const worked = kpi.filter(({ boardname }) => mine.has(boardname));
  const aside = kpi.filter(({ boardname }) => !mine.has(boardname));
  const poolRows = await readRows(join(poolRoot, "mining_pool.csv"), poolRoot);
  const sets = {
    folder,
    spec,
    workspace,
    kpi: await writeRows(join(folder, "kpi.csv"), worked),
    unseen: await writeRows(join(folder, "unseen.csv"), aside),
    pool: await writeRows(join(folder, "pool.csv"), poolRows),
    base: await readRows(join(workspace, "train/base/training_set.csv"), images),
    byFile: new Map(kpi.map((row) => [fileOf(row), row])),
  };
  await embed(
    poolRows.map((row) => [fileOf(row), goldenOf(row)]),
    join(folder, "pool"),
  );
  return sets;
}

function readPoints(): Point[] {
  if (!existsSync(pointsFile)) return [];
  const lines = readFileSync(pointsFile, "utf8").trim().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function main(): Promise<void> {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "gap.yaml"), "min_recall: 1.0\ntop_k_per_label: 50\n");
  writeFileSync(join(out, "embed.yaml"), "model: SigLIP\nmodel_path: google/siglip-base-patch16-224\nbatch_size: 64\n");
  writeFileSync(join(out, "mine.yaml"), 'topn: 5\nknn_metric: cosine\nfilter_by_label: "false"\n');
  const arms = armNames.filter((arm) => flags.arms.split(",").includes(arm));
  for (const workspace of workspaces) {
    const halves: (Sets | undefined)[] = [];
    for (const seed of flags.seeds.split(",").map(Number)) {
      for (const half of [0, 1]) {
        for (const arm of arms) {
          const points = readPoints().filter(
            (one) => one.workspace === basename(workspace) && one.half === half && one.seed === seed,
          );
          if (points.some((one) => one.arm === arm)) continue;
          if (Date.now() > deadline) return;
          halves[half] ??= await halfOf(workspace, half);
          const budget = points.filter((one) => one.arm === "pool_error" && one.iteration > 0).map((one) => one.mined);
          const done = await runArm(halves[half], { arm, seed, half, budget });
          appendFileSync(pointsFile, done.map((one) => `${JSON.stringify(one)}\n`).join(""));
        }
      }
    }
  }
}

const middle = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
const spread = (numbers: readonly number[]) =>
  `${middle(numbers).toFixed(2)} (${Math.min(...numbers).toFixed(2)}-${Math.max(...numbers).toFixed(2)})`;

/** One line an arm and iteration: medians and ranges over seeds, each seed the mean of both halves. */
function printTable(points: readonly Point[]): void {
  console.log(
    "| workspace | arm | iteration | rows | mined | unseen FAR@99 | KPI FAR@99 | unseen to random | better |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|");
  for (const workspace of new Set(points.map((point) => point.workspace))) {
    for (const arm of armNames) {
      for (let iteration = 0; iteration <= Number(flags.iterations); iteration++) {
        const own = bySeed(points, workspace, arm, iteration);
        const random = bySeed(points, workspace, "random", iteration);
        if (own.length === 0) continue;
        const unseen = own.map((one) => one.unseen);
        const pairs = own.flatMap((one) => {
          const other = random.find(({ seed }) => seed === one.seed);
          return other === undefined ? [] : [one.unseen / other.unseen - 1];
        });
        const change = pairs.length === 0 ? "" : `${(100 * middle(pairs)).toFixed(0)} %`;
        const better = `${pairs.filter((ratio) => ratio <= -0.2).length} of ${pairs.length} by 20 %`;
        const counts = [middle(own.map((one) => one.rows)), middle(own.map((one) => one.mined))];
        const cells = [workspace, arm, iteration, ...counts, spread(unseen), spread(own.map((one) => one.kpi))];
        console.log(`| ${[...cells, change, better].join(" | ")} |`);
      }
    }
  }
}

function bySeed(points: readonly Point[], workspace: string, arm: Arm, iteration: number) {
  const at = points.filter((one) => one.workspace === workspace && one.arm === arm && one.iteration === iteration);
  return [...new Set(at.map((one) => one.seed))].map((seed) => {
    const halves = at.filter((one) => one.seed === seed);
    const mean = (value: (one: Point) => number) => halves.reduce((sum, one) => sum + value(one), 0) / halves.length;
    const counts = { rows: Math.round(mean((one) => one.rows)), mined: Math.round(mean((one) => one.mined)) };
    return { seed, ...counts, kpi: mean((one) => one.kpi), unseen: mean((one) => one.unseen) };
  });
}

await main();
printTable(readPoints());
