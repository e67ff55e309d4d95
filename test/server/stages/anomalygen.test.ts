import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { readChangeNet } from "../../../server/data/changenet.ts";
import { writeGapTable } from "../../../server/data/gap-files.ts";
import type { StageContext } from "../../../server/ports/stage.ts";
import { anomalygen } from "../../../server/stages/anomalygen.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { refusalOf } from "../../support/refusal.ts";
import {
  age,
  maskOf,
  pngOf,
  put,
  runStage,
  type StageWorkspace,
  stageWorkspace,
} from "../../support/stage-workspace.ts";

const folder = temporaryFolders();
const made = ["pcb+bridge_00000", "pcb+bridge_00001", "pcb+missing_00000", "pcb+missing_00001"];

type Left = {
  names?: readonly string[];
  twins?: readonly string[];
  allocation?: Record<string, number>;
  testcases?: number;
  result?: string;
  log?: string;
};

let home: StageWorkspace;

beforeEach(async () => {
  home = await stageWorkspace(await folder());
});

async function routed(labels: readonly string[], change: Partial<StageContext> = {}): Promise<StageContext> {
  const routing_anomalygen_parquet = join(home.runDir, "iter1", "anomalygen_gaps.parquet");
  await put(join(home.runDir, "iter1", "note"), "");
  await writeGapTable(
    routing_anomalygen_parquet,
    labels.map((label, at) => ({ filepath: `/${at}.jpg`, label, siamese_score: 0, weakness: 0 })),
  );
  return { ...home.context("iter1", { iter1: { routing_anomalygen_parquet } }), ...change };
}

/** What mask placement and synthesis leave. */
async function leaveGeneration(left: Left = {}): Promise<void> {
  const dir = join(home.runDir, "iter1", "anomalygen");
  const { names = made, twins = names, allocation = { "pcb+bridge": 2, "pcb+missing": 2 } } = left;
  await put(join(dir, "prep_testcase.log"), left.log ?? "INFO wrote entries\n");
  await put(join(dir, "run_sdg.log"), "done\n");
  await put(join(dir, "testcase.jsonl"), "{}\n".repeat(left.testcases ?? names.length));
  await put(join(dir, "allocation.json"), JSON.stringify(allocation));
  const rows = names.map((name, at) => `${at},${name}.png,1`).join("\n");
  await put(join(dir, "sdg", "SDG_result.csv"), left.result ?? `index,image_filename,guardrail_pass\n${rows}\n`);
  for (const name of names) await put(join(dir, "sdg", "reconstructed_image", `${name}.png`), pngOf(`ng ${name}`));
  for (const name of twins) await put(join(dir, "sdg", "original_image", `${name}.png`), pngOf(`ok ${name}`));
}

const generate = async (left: Left = {}, change: Partial<StageContext> = {}) =>
  runStage(anomalygen, await routed(["bridge", "missing"], change), () => leaveGeneration(left));

describe("anomalygen", () => {
  it("stages pairs for training and accounts for every image", async () => {
    const evidence = await generate();
    expect(evidence.summary).toBe("SDG: requested=4, AMP-allocated=4, generated=4 by type (bridge 2, missing 2)");
    expect(evidence.patch).toMatchObject({
      anomalygen_sdg_csv: join(home.runDir, "iter1", "anomalygen", "sdg", "SDG_result.csv"),
      anomalygen_amp_allocated: 4,
      ledger: { requested: 4, allocated: 4, placed: 4, generated: 4, guardrail_blocked: 0, paired: 4 },
    });
    const filter = join(home.runDir, "iter1", "mining_filter");
    const prefix = "results/run_20260101_000000/iter1/dataset/images/";
    const { rows } = await readChangeNet(join(filter, "mining_pool.csv"));
    expect(rows[0]).toMatchObject({
      input_path: `${prefix}synthetic_iter1_ng/`,
      golden_path: `${prefix}synthetic_iter1_ok/`,
      label: "bridge",
      object_name: "pcb+bridge_00000",
    });
    expect((await readChangeNet(join(filter, "sdg_rows_raw.csv"))).rows[0]?.input_path).toBe("synthetic_iter1_ng/");
    const staged = join(home.runDir, "iter1", "dataset", "images", "synthetic_iter1_ng");
    expect(await readdir(staged)).toEqual(made.map((name) => `${name}_SolderLight.jpg`));
    const jpeg = await readFile(join(staged, "pcb+bridge_00000_SolderLight.jpg"));
    expect([...jpeg.subarray(0, 2)]).toEqual([0xff, 0xd8]);
    expect(JSON.parse(await readFile(join(filter, "ingest_summary.json"), "utf8"))).toMatchObject({
      input_count: 4,
      paired_count: 4,
      converted_to_jpg_count: 8,
      labels: { bridge: 2, missing: 2 },
    });
  });

  it("comes out the same when it is collected again", async () => {
    const context = await routed(["missing"]);
    const first = await runStage(anomalygen, context, () => leaveGeneration());
    const { jobs } = await anomalygen.plan(context);
    const again = await anomalygen.collect(
      context,
      jobs.map((spec) => ({ spec, exit: { outcome: "exited", exit_code: 0 } })),
    );
    expect(again).toEqual(first);
  });

  it("runs no job and adds no row when nothing was routed to it", async () => {
    const context = await routed([]);
    expect((await anomalygen.plan(context)).jobs).toEqual([]);
    const evidence = await runStage(anomalygen, context);
    expect(evidence.summary).toBe("SDG: skipped, routing sent zero rows to AnomalyGen");
    expect(evidence.patch.anomalygen_skipped).toBe(true);
    expect((await readChangeNet(join(home.runDir, "iter1", "mining_filter", "mining_pool.csv"))).rows).toEqual([]);
  });

  it.each<[string, Left, string]>([
    ["mask placement planned fewer images", { allocation: { "pcb+bridge": 3 } }, "gate.allocation-mismatch"],
    ["mask placement found room for fewer", { names: made.slice(1), testcases: 3 }, "gate.allocation-mismatch"],
    ["an image was not generated", { names: made.slice(1), testcases: 4 }, "gate.silent-drop"],
    ["the result list misses an image", { result: "index,image_filename\n0,a.png\n" }, "gate.silent-drop"],
    ["a defect image has no golden twin", { twins: made.slice(1) }, "gate.silent-drop"],
    ["the allocation is empty", { allocation: {} }, "stage.evidence-missing"],
    ["the log says FAIL", { log: "Execution status: FAIL\n" }, "stage.failed"],
  ])("is refused when %s", async (_, left, code) => {
    expect((await refusalOf(() => generate(left))).code).toBe(code);
  });

  it("shows what mask placement said about the missing images", async () => {
    const log = "WARNING c1/pcb+bridge: no ROI candidates, skipping\nINFO pcb+bridge: 0/2 with ROI, 0/0 seeds OK\n";
    const refusal = await refusalOf(() => generate({ names: made.slice(2), testcases: 2, log }));
    expect(refusal.facts).toMatchObject({ requested: 4, planned: 4, testcases: 2 });
    expect(refusal.facts.placement_log).toHaveLength(2);
  });

  it("goes on with the lower yield that a human accepted, and says so", async () => {
    const evidence = await generate({ names: made.slice(1), testcases: 3 }, { accepted: ["gate.allocation-mismatch"] });
    expect(evidence.patch.ledger).toMatchObject({ requested: 4, placed: 3, paired: 3 });
    expect(evidence.warnings[0]).toContain("Accepted by a human: The step mask placement lost 1 of 4");
  });

  it("uses no image that the guardrail blanked, and counts it", async () => {
    const rows = made.map((name, at) => `${at},clean.png,${name === "pcb+missing_00001" ? 0 : 1}`);
    const byName = made.map((name) => `0,out/${name}.png,${name === "pcb+missing_00001" ? 0 : 1}`);
    const evidence = await generate({ result: `index,image_filename,guardrail_pass\n${byName.join("\n")}\n` });
    expect(evidence.patch.ledger).toMatchObject({ generated: 4, guardrail_blocked: 1, paired: 3 });
    const ambiguous = () => generate({ result: `index,image_filename,guardrail_pass\n${rows.join("\n")}\n` });
    expect((await refusalOf(ambiguous)).code).toBe("stage.evidence-missing");
  });

  it("is refused when the results are those of an earlier attempt", async () => {
    const context = await routed(["missing"]);
    const run = () =>
      runStage(anomalygen, context, async () => {
        await leaveGeneration();
        await age(join(home.runDir, "iter1", "anomalygen", "sdg", "SDG_result.csv"));
      });
    expect((await refusalOf(run)).code).toBe("stage.evidence-missing");
  });

  it("is refused for a spec with several lightings, which one generated image cannot serve", async () => {
    home = await stageWorkspace(await folder(), { lightings: ["SolderLight", "WhiteLight"] });
    expect((await refusalOf(() => generate())).code).toBe("gate.generator-lighting");
  });
});

describe("the generator checkpoint", () => {
  it("is shown in the layout that the generator wants when the download is flat", async () => {
    const staged = home.config.anomalygen.checkpoint_dir;
    await put(join(staged, "iter_000014000.pt"), "weights");
    await put(join(staged, "iter_000014000_reg_model.pt"), "ema");
    await put(join(staged, "ag_config.yaml"), "job: {}");
    await generate();
    const view = join(home.runDir, "iter1", "anomalygen", "checkpoint_view");
    expect(await readFile(join(view, "checkpoints", "model", "iter_000014000.pt"), "utf8")).toBe("weights");
    expect(await readFile(join(view, "checkpoints", "latest_checkpoint.txt"), "utf8")).toBe("iter_000014000.pt\n");
    expect(await readFile(join(view, "ag_config.yaml"), "utf8")).toBe("job: {}");
    const { jobs } = await anomalygen.plan(await routed(["missing"]));
    expect(jobs[1]?.argv).toEqual(expect.arrayContaining(["--checkpoint_dir", view]));
  });
});

describe("the generator dataset", () => {
  const at = (...parts: string[]) => join(home.config.anomalygen.dataset_dir_source, ...parts);
  const type = (dependency: string, prompt = "") =>
    put(
      at("defect_spec.jsonl"),
      JSON.stringify({ defect_type: "pcb+bridge", spatial_dependency: dependency, roi_prompt_defect_location: prompt }),
    );

  it.each<[string, () => Promise<unknown>]>([
    [
      "a black and white mask lost its class colours",
      () => put(at("pcb", "cad_mask", "c1.png"), maskOf([0, 0, 0], [255, 255, 255])),
    ],
    ["a mask is flat", () => put(at("pcb", "cad_mask", "c1.png"), maskOf([214, 120, 40], [214, 120, 40]))],
    ["a clean image has no mask", () => put(at("pcb", "clean_image", "c2.png"), pngOf("c2"))],
    ["there is no mask", () => rm(at("pcb", "cad_mask"), { recursive: true })],
    ["a type has no anomaly mask", () => rm(at("pcb", "mask", "bridge"), { recursive: true })],
    [
      "an anomaly mask has no white pixel",
      () => put(at("pcb", "mask", "missing", "m2.png"), maskOf([0, 0, 0], [0, 0, 0])),
    ],
    ["an anomaly mask is gray", () => put(at("pcb", "mask", "missing", "m1.png"), maskOf([0, 0, 0], [128, 128, 128]))],
    ["an anomaly mask is no image", () => put(at("pcb", "mask", "missing", "m1.png"), "no image")],
    ["there is no clean image", () => rm(at("pcb", "clean_image"), { recursive: true })],
    ["the labels file is missing", () => rm(at("semantic_segmentation_labels.json"))],
    ["a text type has no prompt", () => type("text")],
    ["an unknown dependency acts as text without a prompt", () => type("nearby")],
    ["the defect spec is missing", () => rm(at("defect_spec.jsonl"))],
    ["a line is not JSON", () => put(at("defect_spec.jsonl"), "{oops\n")],
    ["a type names no texture", () => put(at("defect_spec.jsonl"), '{"defect_type":"bridge"}\n')],
  ])("is refused before anything is generated when %s", async (_, spoil) => {
    await spoil();
    expect((await refusalOf(() => generate())).code).toBe("gate.generator-dataset");
  });

  it("is refused when a cad mask cannot be decoded", async () => {
    await put(at("pcb", "cad_mask", "c1.png"), "no image");
    expect((await refusalOf(() => generate())).code).toBe("gate.bad-image");
  });
});
