import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { readChangeNet, writeChangeNet } from "../../../server/data/changenet.ts";
import { writeParquet } from "../../../server/data/parquet.ts";
import type { IterationLabel } from "../../../server/run/labels.ts";
import type { IterationState } from "../../../server/run/state.ts";
import { dataMining } from "../../../server/stages/data-mining.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { leaveMining, poolImage, resultDir, routedToMining, snapshotPool } from "../../support/mining-jobs.ts";
import { refusalOf } from "../../support/refusal.ts";
import { leaveLog, put, runStage, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;
const checkpoint = "/ckpt/model_epoch_009_step_00020.pth";

beforeEach(async () => {
  const change = (config: StageWorkspace["config"]) => {
    config.mining_filter = { ...config.mining_filter, rule: "pool_error", min_similarity: 0.5 };
  };
  home = await stageWorkspace(await folder(), { change });
  await snapshotPool(home);
});

const scored = { p1: 0.9, p2: 0.1, p3: 0.2, p4: 0.8 };

/** What embedding and the inference over the pool leave. */
async function leave(label: IterationLabel, scores: Readonly<Record<string, number>> = scored): Promise<void> {
  await leaveMining(home, label);
  const pool = join(resultDir(home, label), "pool_scores");
  const asked = await readChangeNet(join(resultDir(home, label), "pool_rows.csv"));
  const rows = asked.rows.filter(({ object_name }) => object_name in scores);
  await writeChangeNet(
    join(pool, "inference.csv"),
    rows.map((row) => ({ ...row, siamese_score: String(scores[row.object_name]) })),
  );
  await leaveLog(join(pool, "inference.log"));
  const lines = [
    { status: "STARTED", message: "Starting Visual ChangeNet inference." },
    { status: "RUNNING", message: "Inference finished successfully." },
  ];
  await put(join(pool, "status.json"), lines.map((line) => JSON.stringify(line)).join("\n"));
}

const contextOf = async (label: IterationLabel, before: Record<string, IterationState> = {}) =>
  await routedToMining(
    home,
    label,
    [
      ["missing", "k6"],
      ["PASS", "k1"],
    ],
    { baseline: { best_ckpt_path: checkpoint }, ...before },
  );

describe("data_mining by the server's rule", () => {
  it("asks the previous best model about the pool with the program that scores the KPI set", async () => {
    const { jobs } = await dataMining.plan(await contextOf("iter1"));
    expect(jobs.map(({ argv }) => argv.slice(0, 2).join(" "))).toEqual([
      "embedding image_embeddings",
      "embedding image_embeddings",
      "visual_changenet inference",
    ]);
    expect(jobs[2]?.argv).toContain(`inference.checkpoint=${checkpoint}`);
    await runStage(dataMining, await contextOf("iter1"), () => leave("iter1"));
    const spec = parse(await readFile(join(resultDir(home, "iter1"), "pool_inference_spec.yaml"), "utf8"));
    expect(spec.dataset.classify.infer_dataset).toEqual({
      csv_path: join(resultDir(home, "iter1"), "pool_rows.csv"),
      images_dir: home.workspace,
    });
  });

  it("takes its share of the rows that were never mined, and explains every pool row", async () => {
    const evidence = await runStage(dataMining, await contextOf("iter1"), () => leave("iter1"));
    expect(evidence.patch.ledger).toMatchObject({
      ...{ mining_pool_rows: 4, mining_candidates: 4, mining_below_floor: 0, mining_taken_before: 0 },
      ...{ mining_wanted: 1, mined: 1 },
    });
    expect(evidence.patch).not.toHaveProperty("mining_knn_log");
    expect(evidence.facts.ledger?.slice(0, 3)).toEqual([
      { step: "mining history", rows_in: 4, rows_out: 4, explained: { taken_before: 0 } },
      { step: "cosine floor", rows_in: 4, rows_out: 4, explained: { below_floor: 0 } },
      {
        step: "choice of rows",
        ...{ rows_in: 4, rows_out: 1, explained: { not_chosen: 3 }, facts: { wanted: 1, rounds: 1 } },
      },
    ]);
    const summary = JSON.parse(await readFile(join(resultDir(home, "iter1"), "mining_history_summary.json"), "utf8"));
    expect(summary).toMatchObject({ rule: "pool_error", chosen: { pool: 4, free: 4, in_reach: 4, wanted: 1 } });
  });

  it("searches among the rows that are left in every later iteration", async () => {
    const before: Record<string, IterationState> = {};
    const mined: string[] = [];
    for (const label of ["iter1", "iter2", "iter3"] as const) {
      const evidence = await runStage(dataMining, await contextOf(label, before), () => leave(label));
      before[label] = { ...evidence.patch, best_ckpt_path: checkpoint };
      expect(evidence.patch.mining_mined_count).toBe(1);
      const { rows } = await readChangeNet(join(home.runDir, label, "mining_filter", "mining_pool.csv"));
      mined.push(...rows.map(({ object_name }) => object_name));
    }
    expect(new Set(mined).size).toBe(3);
  });

  it("keeps the cosine floor: what is like no weak sample is never mined, and is counted", async () => {
    const far = [poolImage(home, "p2"), poolImage(home, "p3")];
    const evidence = await runStage(dataMining, await contextOf("iter1"), async () => {
      await leave("iter1");
      const paths = ["p1", "p2", "p3", "p4"].map((name) => poolImage(home, name));
      await writeParquet(join(resultDir(home, "iter1"), "source_embeddings.parquet"), [
        { name: "filepath", type: "string", values: paths },
        { name: "embedding", type: "double_list", values: paths.map((path) => (far.includes(path) ? [0, 1] : [1, 0])) },
      ]);
    });
    expect(evidence.patch.ledger).toMatchObject({ mining_below_floor: 2, mining_pass_pct: 50, mined: 1 });
    const [row] = (await readChangeNet(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv"))).rows;
    expect(["p1", "p4"]).toContain(row?.object_name);
  });

  it("is refused when the inference does not score the pool's rows one by one", async () => {
    const { p4: _, ...three } = scored;
    const context = await contextOf("iter1");
    const refusal = await refusalOf(() => runStage(dataMining, context, () => leave("iter1", three)));
    expect(refusal.code).toBe("stage.evidence-missing");
    expect(refusal.facts).toMatchObject({ expected: 4, actual: 3 });
  });

  it("writes the same ledger when it is collected again", async () => {
    const context = await contextOf("iter1");
    const first = await runStage(dataMining, context, () => leave("iter1"));
    const { jobs } = await dataMining.plan(context);
    const again = await dataMining.collect(
      context,
      jobs.map((spec) => ({ spec, exit: { outcome: "exited", exit_code: 0 } })),
    );
    expect(again).toEqual(first);
  });
});
