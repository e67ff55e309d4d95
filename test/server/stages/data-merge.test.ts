import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { type ChangeNetRow, readChangeNet, writeChangeNet } from "../../../server/data/changenet.ts";
import { readTable } from "../../../server/data/csv.ts";
import type { IterationState } from "../../../server/run/state.ts";
import { dataMerge } from "../../../server/stages/data-merge.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import {
  jpegOf,
  put,
  runStage,
  type StageWorkspace,
  stageWorkspace,
  writePair,
  writeParts,
} from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
const pool = "augmentation/mining_pool/images";
const poolRow = (object_name: string, label = "missing"): ChangeNetRow => ({
  input_path: `${pool}/boards`,
  golden_path: `${pool}/golden`,
  label,
  object_name,
});

let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
});

async function merge(
  label: "iter1" | "iter2",
  rows: readonly ChangeNetRow[],
  before: Record<string, IterationState> = {},
) {
  const filter = join(home.runDir, label, "mining_filter");
  await put(join(filter, "note"), "");
  await writeChangeNet(join(filter, "mining_pool.csv"), rows);
  return await runStage(dataMerge, home.context(label, before));
}

describe("data_merge", () => {
  it("puts the images root before the seed rows once, and adds the iteration's rows", async () => {
    const evidence = await merge("iter1", [poolRow("p3")]);
    const { rows, columns } = await readChangeNet(evidence.patch.combined_training_csv ?? "");
    expect(columns).toHaveLength(14);
    expect(rows.map(({ input_path, object_name }) => `${input_path} ${object_name}`)).toEqual([
      ...["t1", "t2", "t3", "t4", "t5", "t6"].map((name) => `images/boards ${name}`),
      `${pool}/boards p3`,
    ]);
    expect(evidence.summary).toBe("validated combined training CSV");
    expect(evidence.patch.ledger).toEqual({ earlier_rows: 6, added_rows: 1, new_unique_rows: 1, train_rows: 7 });
    const report = JSON.parse(await readFile(evidence.patch.merge_validation_report ?? "", "utf8"));
    expect(report).toMatchObject({
      status: "ok",
      rows_checked: 7,
      missing_file_count: 0,
      train_val_leakage_overlap_count: 0,
    });
  });

  it("keeps every earlier row and never adds the seed again", async () => {
    const first = await merge("iter1", [poolRow("p3")]);
    const second = await merge("iter2", [poolRow("p4")], { iter1: first.patch });
    const before = await readTable(first.patch.combined_training_csv ?? "");
    const after = await readTable(second.patch.combined_training_csv ?? "");
    expect(after.header).toEqual(before.header);
    expect(after.rows.slice(0, before.rows.length)).toEqual(before.rows);
    expect(after.rows).toHaveLength(8);
  });

  it("tells the source of every combined row, line by line", async () => {
    const first = await merge("iter1", [poolRow("p3")]);
    const second = await merge("iter2", [poolRow("p4")], { iter1: first.patch });
    const sources = async (path: string | undefined) => (await readTable(path ?? "")).rows.map((cells) => cells.at(-1));
    expect(await sources(first.patch.provenance_csv)).toEqual([...Array(6).fill("base_train"), "mining_pool"]);
    expect(await sources(second.patch.provenance_csv)).toEqual([
      ...Array(7).fill("previous_iter_train"),
      "mining_pool",
    ]);
  });

  it("writes labels of the seed in their canonical form", async () => {
    await writeParts(
      home.config.training_csv,
      [
        ["PASS", "t1"],
        ["PASS", "t2"],
        ["PASS", "t3"],
        [" Bridge ", "t5"],
      ],
      "boards",
      "golden",
    );
    const { patch } = await merge("iter1", [poolRow("p3")]);
    const { rows } = await readChangeNet(patch.combined_training_csv ?? "");
    expect(rows.map(({ label }) => label)).toEqual(["PASS", "PASS", "PASS", "bridge", "missing"]);
  });

  it("comes out the same when it is collected again", async () => {
    const first = await merge("iter1", [poolRow("p3")]);
    const text = await readFile(first.patch.combined_training_csv ?? "", "utf8");
    expect(await dataMerge.collect(home.context("iter1"), [])).toEqual(first);
    expect(await readFile(first.patch.combined_training_csv ?? "", "utf8")).toBe(text);
  });

  it("warns about rows that show the same image", async () => {
    const { warnings, patch } = await merge("iter1", [poolRow("p3"), poolRow("p3"), poolRow("p4")]);
    expect(warnings).toEqual(["1 training rows show an image that another row shows."]);
    expect(patch.ledger).toMatchObject({ added_rows: 3, new_unique_rows: 2 });
  });

  it("is refused when a generated or mined row went missing on the way, and says at which step", async () => {
    const lost = await refusalOf(() => merge("iter1", [poolRow("p3")], { iter1: { ledger: { paired: 1, mined: 1 } } }));
    expect([lost.code, lost.facts]).toEqual([
      "gate.silent-drop",
      expect.objectContaining({ step: "contributed rows", rows_in: 2, rows_out: 1, may_be_accepted: true }),
    ]);
  });

  it("is refused when it would start from fewer rows than the iteration before trained on", async () => {
    const first = await merge("iter1", [poolRow("p3")]);
    const before = { ...first.patch, ledger: { ...first.patch.ledger, train_rows: 9 } };
    const lost = await refusalOf(() => merge("iter2", [poolRow("p4")], { iter1: before }));
    expect([lost.code, lost.facts]).toEqual([
      "gate.silent-drop",
      expect.objectContaining({ step: "earlier rows", rows_in: 9, rows_out: 7 }),
    ]);
  });

  it.each<[string, readonly ChangeNetRow[]]>([
    ["nothing was added", []],
    [
      "only known rows were added",
      [{ input_path: "images/boards/", golden_path: "images/golden", label: "PASS", object_name: "t1" }],
    ],
  ])("is refused when %s", async (_, rows) => {
    expect((await refusalOf(() => merge("iter1", rows))).code).toBe("gate.no-new-rows");
  });

  it.each(["boards", "golden"])("is refused when an added row's image in %s is missing", async (side) => {
    await rm(home.at(pool, side, "p3_SolderLight.jpg"));
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.missing-image");
  });

  it("is refused when one lighting of a row is missing", async () => {
    home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    await rm(home.at(pool, "boards", "p3_WhiteLight.jpg"));
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.missing-image");
  });

  it("is refused when an added row names a file instead of its directory", async () => {
    const flat = { ...poolRow("p3"), input_path: `${pool}/boards/p3_SolderLight.jpg` };
    expect((await refusalOf(() => merge("iter1", [flat]))).code).toBe("gate.missing-image");
  });

  it("is refused when all rows are relative to the images root instead of the workspace", async () => {
    const seed = { iter1: { combined_training_csv: home.config.training_csv } };
    await writePair(home.at("images"), "x1", home.lightings);
    const added = { ...poolRow("x1"), input_path: "boards", golden_path: "golden" };
    expect((await refusalOf(() => merge("iter2", [added], seed))).code).toBe("gate.missing-image");
  });

  it("is refused when one class is left", async () => {
    await writeParts(
      home.config.training_csv,
      [
        ["bridge", "t5"],
        ["missing", "t6"],
        ["missing", "t1"],
      ],
      "boards",
      "golden",
    );
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.schema");
  });

  it("is refused when the rows do not fill a batch", async () => {
    home.config.batch_size = 8;
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.schema");
  });

  it.each([
    ["validation", "v1", "gate.train-val-leakage"],
    ["KPI", "k1", "gate.train-kpi-leakage"],
  ])("is refused when a seed row is a %s row in other coordinates", async (_, part, code) => {
    await writeParts(
      home.config.training_csv,
      [
        ["PASS", part],
        ["PASS", "t2"],
        ["PASS", "t3"],
        ["bridge", "t5"],
      ],
      "boards",
      "golden",
    );
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe(code);
  });

  it("is refused when a training image has the content of a KPI image", async () => {
    await put(home.at(pool, "boards", "p3_SolderLight.jpg"), jpegOf("k1 boards SolderLight"));
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.train-kpi-leakage");
  });

  it("is refused when the images root lies outside the workspace", async () => {
    home.config.images_dir = "/elsewhere/images";
    expect((await refusalOf(() => merge("iter1", [poolRow("p3")]))).code).toBe("gate.path-outside-workspace");
  });

  it("is refused when the iteration before recorded no combined rows", async () => {
    expect((await refusalOf(() => merge("iter2", [poolRow("p3")], { iter1: {} }))).code).toBe("stage.evidence-missing");
  });
});
