import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, it } from "@jest/globals";
import { trustIn } from "../../../server/loop/trust.ts";
import { aRun, aState } from "../../support/a-run.ts";
import { temporaryFolders } from "../../support/folder.ts";

const newFolder = temporaryFolders();
const rows = [
  "input_path,golden_path,label,object_name,siamese_score",
  "boardA/test,boardA/golden,PASS,A_c0,0.1",
  "boardA/test,boardA/golden,PASS,A_c1,0.6",
  "boardB/test,boardB/golden,PASS,B_c0,0.9",
  "boardB/test,boardB/golden,shift,B_c1,0.4",
  "boardB/test,boardB/golden,bridge,B_c2,0.7",
];

async function aMeasuredState() {
  const runDir = await aRun(await newFolder());
  const csv = `${runDir}/inference.csv`;
  const result = {
    name: "far_pct",
    value: 66.7,
    unit: "%",
    threshold: 0.5,
    constraints: { recall_pct: 50 },
    passed: false,
  };
  const state = aState(runDir, { iterations: { baseline: { inference_csv: csv, metric_result: result } } });
  await writeFile(csv, `${rows.join("\n")}\n`);
  await mkdir(dirname(state.config.specs_file), { recursive: true });
  await writeFile(
    state.config.specs_file,
    "dataset:\n  classify:\n    image_ext: .jpg\n    input_map:\n      SolderLight: 0\n",
  );
  return { state, csv };
}

it("names what the best model gets wrong by label and board, with images, and what the figure does not say", async () => {
  const { state } = await aMeasuredState();
  const trust = await trustIn(state, 1);
  expect(trust).toMatchObject({
    iteration: "baseline",
    threshold: 0.5,
    flagged_pass: { count: 2, of: 3, by_board: { boardA: 1, boardB: 1 } },
    missed_defects: { count: 1, of: 2, by_label: { shift: 1 } },
  });
  expect(trust?.flagged_pass.examples).toEqual([
    { label: "PASS", board: "boardB", score: 0.9, path: `${state.config.images_dir}/boardB/test/B_c0_SolderLight.jpg` },
  ]);
  const said = trust?.says.join(" ") ?? "";
  expect(said).toContain("2 of 3 PASS parts");
  expect(said).toContain("lies 0.2 above it");
  expect(said).toContain("0.4 below it");
  expect(said).toContain("not what TAO Visual ChangeNet would reach");
});

it("says nothing before there is a figure, or without its inference", async () => {
  const { state, csv } = await aMeasuredState();
  expect(await trustIn({ ...state, iterations: {} }, 1)).toBeUndefined();
  await writeFile(csv, "nothing\n");
  expect(await trustIn(state, 1)).toBeUndefined();
});
