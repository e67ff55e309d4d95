import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { readChangeNet, writeChangeNet } from "../../../server/data/changenet.ts";
import { readParquet } from "../../../server/data/parquet.ts";
import { dataMining } from "../../../server/stages/data-mining.ts";
import { temporaryFolders } from "../../support/folder.ts";
import {
  leaveMining,
  type MiningLeft,
  poolImage,
  resultDir,
  routedToMining,
  snapshotPool,
} from "../../support/mining-jobs.ts";
import { put, runStage, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
  await snapshotPool(home);
});

const mine = async (
  left: MiningLeft = {},
  parts: [string, string][] = [
    ["missing", "k6"],
    ["missing", "k7"],
  ],
) => runStage(dataMining, await routedToMining(home, "iter1", parts), () => leaveMining(home, "iter1", left));

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
    const mined = await readParquet(join(resultDir(home, "iter1"), "mined.parquet"));
    const weak = await readParquet(join(resultDir(home, "iter1"), "targets.parquet"), ["filepath"]);
    expect(weak.rows.map(({ filepath }) => filepath)).toEqual(
      expect.arrayContaining(mined.rows.map((row) => row.weak_filepath)),
    );
    expect(evidence.patch).toMatchObject({
      mining_mined_count: 2,
      mining_mined_parquet: join(resultDir(home, "iter1"), "mined.parquet"),
      ledger: { mining_targets: 2, mining_pool_rows: 4, mining_candidates: 2, mining_below_floor: 0, mined: 2 },
    });
  });

  it("embeds every image once, with its golden twin", async () => {
    await mine({}, [
      ["missing", "k6"],
      ["missing", "k6"],
    ]);
    const { rows } = await readParquet(join(resultDir(home, "iter1"), "targets.parquet"));
    expect(rows).toEqual([
      {
        filepath: home.at("images", "boards", "k6_SolderLight.jpg"),
        golden_filepath: home.at("images", "golden", "k6_SolderLight.jpg"),
        label: "missing",
      },
    ]);
  });

  it("drops what lies below the cosine floor and tells how much passed", async () => {
    const evidence = await mine({ vectors: { [poolImage(home, "p4")]: [0, 1] } });
    expect(evidence.patch.ledger).toMatchObject({ mining_candidates: 2, mining_below_floor: 1, mining_pass_pct: 50 });
    const text = await readFile(join(resultDir(home, "iter1"), "knn_summary.csv"), "utf8");
    expect(text).toBe("candidate_count,kept_count,rejected_count,similarity_threshold\n2,1,1,0.9\n");
    expect(await readFile(join(home.runDir, "iter1", "mining_filter", "knn_summary.csv"), "utf8")).toBe(text);
    expect(evidence.warnings).toEqual([]);
  });

  it("warns when the cosine floor lets everything pass", async () => {
    expect((await mine()).warnings).toEqual(["100.0% of the candidates reach the cosine floor: it hardly selects."]);
  });

  it("never takes an image that an earlier iteration took, and warns when the yield drops", async () => {
    const first = await mine();
    const context = await routedToMining(
      home,
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
    const evidence = await runStage(dataMining, context, () => leaveMining(home, "iter2"));
    expect(evidence.patch).toMatchObject({ mining_mined_count: 0, ledger: { mining_taken_before: 2, mined: 0 } });
    expect(evidence.warnings).toContain(
      "Mining yield dropped 100% (iter1: 2 → iter2: 0) — pool near exhaustion for the current weak-sample targets.",
    );
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history).toMatchObject({ version: 1, identity: "filepath", cumulative_unique_count: 2 });
    expect(history.iterations.map((entry: { selected_count: number }) => entry.selected_count)).toEqual([2, 0]);
  });

  it("writes the same ledger when it is collected again", async () => {
    const context = await routedToMining(home, "iter1", [["missing", "k6"]]);
    const first = await runStage(dataMining, context, () => leaveMining(home, "iter1"));
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
    const context = await routedToMining(home, "iter1", []);
    await writeChangeNet(join(home.runDir, "iter1", "mining_filter", "sdg_rows.csv"), [
      { input_path: "images/boards", golden_path: "images/golden", label: "PASS", object_name: "t1" },
    ]);
    expect((await dataMining.plan(context)).jobs).toEqual([]);
    const evidence = await runStage(dataMining, context);
    expect(evidence.patch.data_mining_skipped).toBe(true);
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history.iterations).toMatchObject([{ iteration: 1, selected_count: 0 }]);
    await runStage(
      dataMining,
      await routedToMining(home, "iter2", [["missing", "k6"]], { iter1: evidence.patch }),
      () => leaveMining(home, "iter2"),
    );
  });

  it("takes all lightings of a part that was mined under one of them, once", async () => {
    home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    await snapshotPool(home);
    const mined = [poolImage(home, "p3", "WhiteLight"), poolImage(home, "p3"), poolImage(home, "p4", "WhiteLight")];
    const evidence = await mine({ mined });
    expect(evidence.patch.ledger).toMatchObject({ mining_candidates: 3, mining_repeated: 1, mined: 2 });
    const history = JSON.parse(await readFile(join(home.runDir, "mining_history.json"), "utf8"));
    expect(history.iterations[0].selected_filepaths).toEqual([poolImage(home, "p3"), poolImage(home, "p4")]);
  });

  it("gives a good part without golden image a copy of itself as its golden", async () => {
    const pool = home.config.mining_pool_csv ?? "";
    await writeChangeNet(pool, [{ input_path: "images/boards", golden_path: "", label: "PASS", object_name: "p1" }]);
    delete home.config.resolved_mining_pool_csv;
    await snapshotPool(home);
    await mine({ mined: [poolImage(home, "p1")] }, [["PASS", "k1"]]);
    const [row] = (await readChangeNet(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv"))).rows;
    const golden = home.at(row?.golden_path ?? "", "p1_SolderLight.jpg");
    expect(await readFile(golden)).toEqual(await readFile(poolImage(home, "p1")));
  });

  it("warns when the pool has no row of a routed label", async () => {
    const { warnings } = await mine({}, [["shift", "k8"]]);
    expect(warnings[0]).toContain("Pre-mine precheck: target labels {SHIFT} have 0 candidates in mining_pool");
  });
});
