import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { writeParquet } from "../../../server/data/parquet.ts";
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
import { refusalOf } from "../../support/refusal.ts";
import { age, jpegOf, runStage, type StageWorkspace, stageWorkspace } from "../../support/stage-workspace.ts";

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

describe("data_mining is refused", () => {
  it.each<[string, () => MiningLeft, string]>([
    ["a log says FAIL", () => ({ verdict: "FAIL" }), "stage.failed"],
    ["a log holds no marker", () => ({ verdict: "" }), "stage.evidence-missing"],
    ["a mined image is not in the pool", () => ({ mined: ["/elsewhere/x.jpg"] }), "stage.evidence-missing"],
    [
      "more was mined than asked for",
      () => ({ mined: Array<string>(5).fill(poolImage(home, "p3")) }),
      "stage.evidence-missing",
    ],
    ["nothing new was mined and nothing generated", () => ({ mined: [] }), "gate.no-new-rows"],
  ])("when %s", async (_, left, code) => {
    expect((await refusalOf(() => mine(left()))).code).toBe(code);
  });

  it.each(["target_embeddings", "source_embeddings", "mined_raw"])(
    "when %s is that of an earlier attempt",
    async (name) => {
      const context = await routedToMining(home, "iter1", [["missing", "k6"]]);
      const run = () =>
        runStage(dataMining, context, async () => {
          await leaveMining(home, "iter1");
          await age(join(resultDir(home, "iter1"), `${name}.parquet`));
        });
      expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
    },
  );

  it.each<[string, { filepath: string[]; embedding: number[][] }]>([
    ["a row is missing", { filepath: [], embedding: [] }],
    ["another image was embedded", { filepath: ["/x.jpg"], embedding: [[1, 0]] }],
    ["a vector holds no numbers", { filepath: ["k6"], embedding: [[]] }],
  ])("when in the embeddings %s", async (_, { filepath, embedding }) => {
    const k6 = home.at("images", "boards", "k6_SolderLight.jpg");
    const run = async () =>
      runStage(dataMining, await routedToMining(home, "iter1", [["missing", "k6"]]), async () => {
        await leaveMining(home, "iter1");
        await writeParquet(join(resultDir(home, "iter1"), "target_embeddings.parquet"), [
          { name: "filepath", type: "string", values: filepath.map((path) => (path === "k6" ? k6 : path)) },
          { name: "embedding", type: "double_list", values: embedding },
        ]);
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it.each([
    ["a KPI", "k1", "gate.train-kpi-leakage"],
    ["a validation", "v1", "gate.train-val-leakage"],
  ])("when a mined image shows %s image under another name", async (_, part, code) => {
    await writeFile(poolImage(home, "p3"), jpegOf(`${part} boards SolderLight`));
    const refusal = await refusalOf(() => mine());
    expect(refusal.code).toBe(code);
    expect(refusal.facts.rows).toBe(1);
  });

  it("when a file that the ledger vouches for changed", async () => {
    const first = await mine();
    await rm(join(resultDir(home, "iter1"), "mined.parquet"));
    const context = await routedToMining(home, "iter2", [["missing", "k6"]], { iter1: first.patch });
    expect((await refusalOf(() => runStage(dataMining, context, () => leaveMining(home, "iter2")))).code).toBe(
      "state.tampered",
    );
  });

  it("when the ledger misses an iteration", async () => {
    const context = await routedToMining(home, "iter2", [["missing", "k6"]], { iter1: {} });
    const refusal = await refusalOf(() => runStage(dataMining, context, () => leaveMining(home, "iter2")));
    expect(refusal.facts.fault).toBe("mining history is required before iteration 2");
  });
});
