import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { readChangeNet, writeChangeNet } from "../../../server/data/changenet.ts";
import { writeGapTable } from "../../../server/data/gap-files.ts";
import { readParquet, textCell, writeParquet } from "../../../server/data/parquet.ts";
import type { IterationLabel } from "../../../server/run/labels.ts";
import type { IterationState } from "../../../server/run/state.ts";
import { dataMining } from "../../../server/stages/data-mining.ts";
import { poolSource, writeResolvedPool } from "../../../server/stages/shared/mining-pool.ts";
import { resolvePool } from "../../../server/stages/shared/pool-resolver.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import {
  age,
  jpegOf,
  leaveLog,
  put,
  runStage,
  type StageWorkspace,
  stageWorkspace,
} from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
const names = { lightings: ["SolderLight"], image_ext: ".jpg" };

let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
  await snapshotPool();
});

async function snapshotPool(lightings = names.lightings): Promise<void> {
  const source = poolSource(home.config, { ...names, lightings });
  const path = join(home.runDir, "inputs", "mining_pool.resolved.csv");
  await put(path, "");
  await writeResolvedPool(path, source, await resolvePool(source));
  home.config.resolved_mining_pool_csv = path;
}

const poolImage = (name: string, lighting = "SolderLight") =>
  home.at("augmentation", "mining_pool", "images", "boards", `${name}_${lighting}.jpg`);
const resultDir = (label: string) => join(home.runDir, label, "mining_results", "2026-01-01_000000");

/** A context in which routing sent these KPI parts to mining and generation added `generated` rows. */
async function routed(
  label: IterationLabel,
  parts: readonly [string, string][],
  before: Record<string, IterationState> = {},
) {
  const dir = join(home.runDir, label);
  const routing_mining_parquet = join(dir, "mining_gaps.parquet");
  await put(join(dir, "note"), "");
  const gaps = parts.flatMap(([defect, part]) =>
    home.lightings.map((lighting) => ({
      filepath: home.at("images", "boards", `${part}_${lighting}.jpg`),
      label: defect,
      siamese_score: 0.5,
      weakness: 0,
    })),
  );
  await writeGapTable(routing_mining_parquet, gaps);
  await put(join(dir, "mining_filter", "note"), "");
  await writeChangeNet(join(dir, "mining_filter", "sdg_rows.csv"), []);
  return home.context(label, { ...before, [label]: { routing_mining_parquet } });
}

type Left = { mined?: readonly string[]; vectors?: Readonly<Record<string, readonly number[]>>; verdict?: string };

/** What the two embedding runs and the k-NN run leave: target vectors are (1, 0), pool vectors as given. */
async function leaveMining(label: string, left: Left = {}): Promise<void> {
  const dir = resultDir(label);
  for (const [input, output] of [
    ["targets", "target_embeddings"],
    ["source_pool", "source_embeddings"],
  ] as const) {
    const { rows } = await readParquet(join(dir, `${input}.parquet`));
    const paths = rows.map((row) => textCell(row, "filepath"));
    await writeParquet(join(dir, `${output}.parquet`), [
      { name: "filepath", type: "string", values: paths },
      { name: "embedding", type: "double_list", values: paths.map((path) => left.vectors?.[path] ?? [1, 0]) },
    ]);
  }
  const mined = left.mined ?? [poolImage("p3"), poolImage("p4")];
  await writeParquet(join(dir, "mined_raw.parquet"), [{ name: "filepath", type: "string", values: mined }]);
  for (const name of ["target_embeddings", "source_embeddings", "nearest_neighbors"]) {
    await leaveLog(join(dir, `${name}.log`), left.verdict);
  }
}

const mine = async (
  left: Left = {},
  parts: [string, string][] = [
    ["missing", "k6"],
    ["missing", "k7"],
  ],
) => runStage(dataMining, await routed("iter1", parts), () => leaveMining("iter1", left));

describe("data_mining", () => {
  it("adds the mined pool rows in workspace coordinates with their golden directory", async () => {
    const evidence = await mine();
    expect(evidence.summary).toBe("Mining (VCN): mined=2 source images for 2 targets");
    const { rows } = await readChangeNet(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv"));
    expect(
      rows.map(({ input_path, golden_path, label, object_name }) => [input_path, golden_path, label, object_name]),
    ).toEqual([
      ["augmentation/mining_pool/images/boards", "augmentation/mining_pool/images/golden", "missing", "p3"],
      ["augmentation/mining_pool/images/boards", "augmentation/mining_pool/images/golden", "missing", "p4"],
    ]);
    expect(rows[0]).not.toHaveProperty("filepath");
    expect(evidence.patch).toMatchObject({
      mining_mined_count: 2,
      mining_mined_parquet: join(resultDir("iter1"), "mined.parquet"),
      ledger: { mining_targets: 2, mining_pool_rows: 4, mining_candidates: 2, mining_below_floor: 0, mined_rows: 2 },
    });
  });

  it("embeds every image once, with its golden twin", async () => {
    await mine({}, [
      ["missing", "k6"],
      ["missing", "k6"],
    ]);
    const { rows } = await readParquet(join(resultDir("iter1"), "targets.parquet"));
    expect(rows).toEqual([
      {
        filepath: home.at("images", "boards", "k6_SolderLight.jpg"),
        golden_filepath: home.at("images", "golden", "k6_SolderLight.jpg"),
        label: "missing",
      },
    ]);
  });

  it("drops what lies below the cosine floor and tells how much passed", async () => {
    const evidence = await mine({ vectors: { [poolImage("p4")]: [0, 1] } });
    expect(evidence.patch.ledger).toMatchObject({ mining_candidates: 2, mining_below_floor: 1, mining_pass_pct: 50 });
    const text = await readFile(join(resultDir("iter1"), "knn_summary.csv"), "utf8");
    expect(text).toBe("candidate_count,kept_count,rejected_count,similarity_threshold\n2,1,1,0.9\n");
    expect(await readFile(join(home.runDir, "iter1", "mining_filter", "knn_summary.csv"), "utf8")).toBe(text);
    expect(evidence.warnings).toEqual([]);
  });

  it("warns when the cosine floor lets everything pass", async () => {
    expect((await mine()).warnings).toEqual(["100.0% of the candidates reach the cosine floor: it hardly selects."]);
  });

  it("never takes an image that an earlier iteration took, and warns when the yield drops", async () => {
    const first = await mine();
    const context = await routed(
      "iter2",
      [
        ["missing", "k6"],
        ["missing", "k7"],
      ],
      { iter1: first.patch },
    );
    await put(
      join(home.runDir, "iter2", "mining_filter", "sdg_rows.csv"),
      await readFile(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv")),
    );
    const evidence = await runStage(dataMining, context, () => leaveMining("iter2"));
    expect(evidence.patch).toMatchObject({ mining_mined_count: 0, ledger: { mining_taken_before: 2, mined_rows: 0 } });
    expect(evidence.warnings).toContain(
      "Mining yield dropped 100% (iter1: 2 → iter2: 0) — pool near exhaustion for the current weak-sample targets.",
    );
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history).toMatchObject({ version: 1, identity: "filepath", cumulative_unique_count: 2 });
    expect(history.iterations.map((entry: { selected_count: number }) => entry.selected_count)).toEqual([2, 0]);
  });

  it("writes the same ledger when it is collected again", async () => {
    const context = await routed("iter1", [["missing", "k6"]]);
    const first = await runStage(dataMining, context, () => leaveMining("iter1"));
    const before = await readFile(join(home.runDir, "mining_history.json"), "utf8");
    const { jobs } = await dataMining.plan(context);
    const again = await dataMining.collect(
      context,
      jobs.map((spec) => ({ spec, exit: { outcome: "exited", exit_code: 0 } })),
    );
    expect(again).toEqual(first);
    expect(await readFile(join(home.runDir, "mining_history.json"), "utf8")).toBe(before);
  });

  it("skips legally when nothing was routed but something was generated, and keeps the ledger unbroken", async () => {
    const context = await routed("iter1", []);
    await writeChangeNet(join(home.runDir, "iter1", "mining_filter", "sdg_rows.csv"), [
      { input_path: "images/boards", golden_path: "images/golden", label: "PASS", object_name: "t1" },
    ]);
    expect((await dataMining.plan(context)).jobs).toEqual([]);
    const evidence = await runStage(dataMining, context);
    expect(evidence.patch.data_mining_skipped).toBe(true);
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history.iterations).toMatchObject([{ iteration: 1, selected_count: 0 }]);
    await runStage(dataMining, await routed("iter2", [["missing", "k6"]], { iter1: evidence.patch }), () =>
      leaveMining("iter2"),
    );
  });

  it("takes all lightings of a part that was mined under one of them, once", async () => {
    home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    await snapshotPool(["SolderLight", "WhiteLight"]);
    const mined = [poolImage("p3", "WhiteLight"), poolImage("p3"), poolImage("p4", "WhiteLight")];
    const evidence = await mine({ mined });
    expect(evidence.patch.ledger).toMatchObject({ mining_candidates: 3, mining_repeated: 1, mined_rows: 2 });
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history.iterations[0].selected_filepaths).toEqual([poolImage("p3"), poolImage("p4")]);
  });

  it("gives a good part without golden image a copy of itself as its golden", async () => {
    const pool = home.config.mining_pool_csv ?? "";
    await writeChangeNet(pool, [{ input_path: "images/boards", golden_path: "", label: "PASS", object_name: "p1" }]);
    delete home.config.resolved_mining_pool_csv;
    await snapshotPool();
    await mine({ mined: [poolImage("p1")] }, [["PASS", "k1"]]);
    const [row] = (await readChangeNet(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv"))).rows;
    const golden = home.at(row?.golden_path ?? "", "p1_SolderLight.jpg");
    expect(await readFile(golden)).toEqual(await readFile(poolImage("p1")));
  });

  it("warns when the pool has no row of a routed label", async () => {
    const { warnings } = await mine({}, [["shift", "k8"]]);
    expect(warnings[0]).toContain("Pre-mine precheck: target labels {SHIFT} have 0 candidates in mining_pool");
  });

  it.each<[string, () => Left, string]>([
    ["a log says FAIL", () => ({ verdict: "FAIL" }), "stage.failed"],
    ["a log holds no marker", () => ({ verdict: "" }), "stage.evidence-missing"],
    ["a mined image is not in the pool", () => ({ mined: ["/elsewhere/x.jpg"] }), "stage.evidence-missing"],
    [
      "more was mined than asked for",
      () => ({ mined: Array<string>(5).fill(poolImage("p3")) }),
      "stage.evidence-missing",
    ],
    ["nothing new was mined and nothing generated", () => ({ mined: [] }), "gate.no-new-rows"],
  ])("is refused when %s", async (_, left, code) => {
    expect((await refusalOf(() => mine(left()))).code).toBe(code);
  });

  it.each(["target_embeddings", "source_embeddings", "mined_raw"])(
    "is refused when %s is that of an earlier attempt",
    async (name) => {
      const context = await routed("iter1", [["missing", "k6"]]);
      const run = () =>
        runStage(dataMining, context, async () => {
          await leaveMining("iter1");
          await age(join(resultDir("iter1"), `${name}.parquet`));
        });
      expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
    },
  );

  it.each<[string, { filepath: string[]; embedding: number[][] }]>([
    ["a row is missing", { filepath: [], embedding: [] }],
    ["another image was embedded", { filepath: ["/x.jpg"], embedding: [[1, 0]] }],
    ["a vector holds no numbers", { filepath: ["k6"], embedding: [[]] }],
  ])("is refused when in the embeddings %s", async (_, { filepath, embedding }) => {
    const k6 = home.at("images", "boards", "k6_SolderLight.jpg");
    const run = async () =>
      runStage(dataMining, await routed("iter1", [["missing", "k6"]]), async () => {
        await leaveMining("iter1");
        await writeParquet(join(resultDir("iter1"), "target_embeddings.parquet"), [
          { name: "filepath", type: "string", values: filepath.map((path) => (path === "k6" ? k6 : path)) },
          { name: "embedding", type: "double_list", values: embedding },
        ]);
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it.each([
    ["a KPI", "k1", "gate.train-kpi-leakage"],
    ["a validation", "v1", "gate.train-val-leakage"],
  ])("is refused when a mined image shows %s image under another name", async (_, part, code) => {
    await writeFile(poolImage("p3"), jpegOf(`${part} boards SolderLight`));
    const refusal = await refusalOf(() => mine());
    expect(refusal.code).toBe(code);
    expect(refusal.facts.rows).toBe(1);
  });

  it("is refused when a file that the ledger vouches for changed", async () => {
    const first = await mine();
    await rm(join(resultDir("iter1"), "mined.parquet"));
    const context = await routed("iter2", [["missing", "k6"]], { iter1: first.patch });
    expect((await refusalOf(() => runStage(dataMining, context, () => leaveMining("iter2")))).code).toBe(
      "state.tampered",
    );
  });

  it("is refused when the ledger misses an iteration", async () => {
    const context = await routed("iter2", [["missing", "k6"]], { iter1: {} });
    const refusal = await refusalOf(() => runStage(dataMining, context, () => leaveMining("iter2")));
    expect(refusal.facts.fault).toBe("mining history is required before iteration 2");
  });
});
