import { execFileSync } from "node:child_process";
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { temporaryFolders } from "../support/folder.ts";
import { makePod, type Pod } from "../support/pod.ts";

const folder = temporaryFolders();
const pod = async () => makePod(await folder());

beforeAll(() => {
  try {
    execFileSync("python3", ["-c", "import yaml"], { stdio: "pipe" });
  } catch {
    throw new Error("This suite needs python3 with pyyaml (pip install pyyaml).");
  }
});

const infer = {
  ANOMALY_TYPES_JSON: '[["IC","bridge"]]',
  CHECKPOINT_STEP: "14000",
  NUM_SDG: "3",
  DEFAULT_SPATIAL_DEPENDENCY: "cad",
  EXP_NAME: "run-1",
  MODEL_SIZE: "2b",
};
const reconstructed = { "run_sdg.sh": { files: { "out/inference/reconstructed_image/x0_y0__0000.png": "r" } } };

async function inferPod(trained: boolean): Promise<Pod> {
  const at = await pod();
  await at.put("in/weights/deep/pretrained/NVDINOV2/w");
  await at.put("workspace/paidf-anomalygen/checkpoints/sam2/baked");
  if (trained) {
    const job = "in/checkpoint/results/anomaly_gen/run/job";
    await at.put(`${job}/ag_config.yaml`, "a: 1\n");
    for (const kind of ["model", "optim"])
      for (const step of ["000002000", "000004000"]) await at.put(`${job}/checkpoints/${kind}/iter_${step}.pt`, kind);
    await at.put(`${job}/valid/2000/valid_kpi.csv`, "kpi,a,Average\nnn_score,0.9,0.9\n");
    await at.put(`${job}/valid/4000/valid_kpi.csv`, "kpi,a,Average\nnn_score,0.4,0.4\n");
  } else {
    await at.put("in/checkpoint/ag_config.yaml", "a: 1\n");
    await at.put("in/checkpoint/iter_000014000.pt", "shipped");
    await at.put("in/checkpoint/tokenizer.json");
  }
  await at.put("in/raw/PCB/IC/mask/bridge/m0.png");
  return at;
}
const inputs = (at: Pod) => ({
  INPUT_PRETRAINED: `${at.root}/in/weights`,
  INPUT_CHECKPOINT: `${at.root}/in/checkpoint`,
  INPUT_RAW: `${at.root}/in/raw`,
});

describe("Day 0 inference", () => {
  async function ready(trained = false) {
    const at = await inferPod(trained);
    await at.put("in/clean/crop/IC/x0_y0/0000.jpg");
    await at.put("in/render/crop/IC/x0_y0/cad_mask/0000_cad_mask.png");
    await at.put("in/render/crop/semantic_segmentation_labels.json", "{}");
    return at;
  }
  const env = (at: Pod) => ({
    ...infer,
    ...inputs(at),
    INPUT_CLEAN: `${at.root}/in/clean`,
    INPUT_RENDER: `${at.root}/in/render`,
  });

  it("stages composite names, masks without suffix, and passes no GPU count", async () => {
    const at = await ready();
    const run = await at.run("pod/infer-day0.sh", env(at), reconstructed);
    expect(run.output).toContain("=== Inference complete: 1 images ===");
    expect(await readdir(join(at.root, "tmp/inference_stage/IC/clean_image"))).toEqual(["x0_y0__0000.jpg"]);
    expect(await readdir(join(at.root, "tmp/inference_stage/IC/cad_mask"))).toEqual(["x0_y0__0000.png"]);
    expect(run.calls.find(([name]) => name === "run_sdg.sh")).not.toContain("--num_gpus");
    expect(await at.read("tmp/inference_stage/defect_spec.jsonl")).toBe(
      '{"defect_type": "IC+bridge", "spatial_dependency": "cad", "roi_prompt_defect_location": ""}\n',
    );
    expect(await at.read("workspace/paidf-anomalygen/checkpoints/sam2/baked")).toBe("x");
    expect(await at.read("tmp/ag_ckpt_wrapper/tokenizer.json")).toBe("x");
  });

  it("takes model weights only, at the best validated step", async () => {
    const at = await ready(true);
    const run = await at.run("pod/infer-day0.sh", env(at), reconstructed);
    expect(run.output).toContain("Inference checkpoint step: 2000");
    const model = join(at.root, "tmp/ag_ckpt_wrapper/checkpoints/model");
    expect(await readdir(model)).toEqual(["iter_000002000.pt", "iter_000004000.pt"]);
    expect(await readlink(join(model, "iter_000002000.pt"))).toContain("/checkpoints/model/");
  });

  it("warns of a material without crops and fails for a pair without masks", async () => {
    const at = await ready();
    await at.put("in/raw/PCB/Other/mask/scratch/m.png");
    const pairs = '[["IC","bridge"],["Other","scratch"]]';
    expect(
      (await at.run("pod/infer-day0.sh", { ...env(at), ANOMALY_TYPES_JSON: pairs }, reconstructed)).output,
    ).toContain("WARN: anomaly_types_json material 'Other' missing from");
    const lost = await ready();
    const failed = await lost.run(
      "pod/infer-day0.sh",
      { ...env(lost), ANOMALY_TYPES_JSON: '[["IC","nope"]]' },
      reconstructed,
    );
    expect([failed.code, failed.output]).toEqual([
      1,
      expect.stringContaining("ERROR: submask dir not found for IC+nope"),
    ]);
  });

  it.each([
    ["in/render/crop/semantic_segmentation_labels.json", "no semantic_segmentation_labels.json under"],
    ["in/checkpoint/ag_config.yaml", "ERROR: ag_config.yaml not found in checkpoint"],
    ["in/checkpoint/iter_000014000.pt", "ERROR: no model iter_*.pt files found under"],
    ["in/clean/crop", "crop/<MAT>/<cell>/ tree not found under"],
    ["in/weights/deep", "ERROR: pretrained/ not found"],
    ["workspace/paidf-anomalygen/scripts/utilities/prep_testcase.sh", "prep_testcase.sh not in image"],
  ])("without %s it fails", async (gone, message) => {
    const at = await ready();
    execFileSync("rm", ["-r", join(at.root, gone)]);
    const run = await at.run("pod/infer-day0.sh", env(at), reconstructed);
    expect([run.code, run.output]).toEqual([1, expect.stringContaining(message)]);
  });

  it.each(["validate_checkpoint.py", "validate_jsonl.py", "verify_output.sh", "run_sdg.sh"])(
    "a failing %s ends it",
    async (program) => {
      const at = await ready();
      expect((await at.run("pod/infer-day0.sh", env(at), { ...reconstructed, [program]: { exit: 4 } })).code).toBe(4);
    },
  );
});

describe("manual ROI inference", () => {
  it("uses a dataset with its own spec as it is, and stages a flat upload", async () => {
    const prepared = await inferPod(false);
    await prepared.put("in/raw/PCB/defect_spec.jsonl", "{}\n");
    const a = await prepared.run(
      "pod/infer-manual.sh",
      { ...infer, ...inputs(prepared), NUM_GPUS: "2" },
      reconstructed,
    );
    expect(a.output).toContain("Mode A (prepared dataset)");
    expect(a.calls.find(([name]) => name === "prep_testcase.sh")).not.toContain("--clean-dir");
    expect(a.calls.find(([name]) => name === "run_sdg.sh")).toEqual(expect.arrayContaining(["--num_gpus", "2"]));
    const flat = await inferPod(false);
    await flat.put("in/raw/clean_images/0.png");
    const b = await flat.run("pod/infer-manual.sh", { ...infer, ...inputs(flat), NUM_GPUS: "1" }, reconstructed);
    expect(b.output).toContain("Mode B (staged)");
    expect(b.calls.find(([name]) => name === "prep_testcase.sh")).toEqual(
      expect.arrayContaining(["--clean-dir", `${flat.root}/in/raw/clean_images`]),
    );
  });
});

describe("alignment inference", () => {
  it("stages crops before the checkpoint, with any of the mask places", async () => {
    const at = await inferPod(false);
    await at.put("in/aligned/crop/IC/normal_img/0000.png");
    await at.put("in/aligned/crop/IC/seg/0000.png");
    const env = { ...infer, ...inputs(at), INPUT_ALIGNED: `${at.root}/in/aligned`, NUM_GPUS: "1" };
    const run = await at.run("pod/infer-alignment.sh", env, reconstructed);
    expect([run.code, run.output]).toEqual([
      0,
      expect.stringContaining("Real-alignment staged 1 ROI crops across 1 material(s)"),
    ]);
    expect(run.output).toContain("WARN: spatial_dependency=cad but no semantic_segmentation_labels.json found");
    expect(await readlink(join(at.root, "tmp/usd2roi_day1_stage/IC/cad_mask/0000.png"))).toContain("/seg/0000.png");
    execFileSync("rm", ["-r", join(at.root, "in/aligned/crop/IC"), join(at.root, "in/checkpoint")]);
    expect((await at.run("pod/infer-alignment.sh", env)).output).toContain("ERROR: no material dirs under");
  });
});

describe("finetune", () => {
  async function ready(
    config = "checkpoint: {save_iter: 2000}\ntrainer: {max_iter: 2000, early_stop: {enabled: true}}\n",
  ) {
    const at = await inferPod(false);
    await at.put("in/raw/defect_spec.jsonl", "{}\n");
    await at.put("in/raw/IC/mask/bridge/0.png");
    await at.put("tmp/ag_config_template.yaml", config);
    return at;
  }
  const env = (at: Pod) => ({
    USECASE: "metal_surface",
    NUM_GPUS: "4",
    EXP_NAME: "finetune-1",
    PRETRAINED_SRC: `${at.root}/in/weights/deep/pretrained`,
    DATASET_DIR: `${at.root}/in/raw`,
  });
  const prepared = { "prep_testcase.sh": { files: { "tmp/validation/validation.jsonl": "{}\n" } } };

  it("renders the recipe and starts torchrun on every GPU", async () => {
    const at = await ready();
    const run = await at.run("pod/finetune.sh", env(at), prepared);
    expect([run.code, run.output]).toEqual([0, expect.stringContaining("=== Training complete ===")]);
    const config = parse(await at.read("tmp/ag_config.yaml"));
    expect(config.job).toEqual({ group: "finetune-1", name: "finetune-1_training_FP32_lr0.02_bs=2_2b_512x512" });
    expect(config.trainer).toEqual({ max_iter: 2000 });
    expect(config.dataloader_val.dataset.input_data_path).toBe(`${at.root}/tmp/validation/validation.jsonl`);
    expect(run.calls.at(-1)).toEqual(
      expect.arrayContaining(["torchrun", "--nproc_per_node=4", "experiment=predict2_anomaly_gen_ddp_2b"]),
    );
  });

  it.each<[string, string, (at: Pod) => Record<string, string>]>([
    ["in/raw/defect_spec.jsonl", "Re-run setup/setup_metal.yaml for datasets/metal_surface/raw.", env],
    ["in/raw", "ERROR: training dataset not at", env],
    ["in/weights", "ERROR: pretrained tree not at", env],
    ["tmp/ag_config_template.yaml", "ERROR: /tmp/ag_config_template.yaml not mounted", env],
  ])("without %s it fails", async (gone, message, environment) => {
    const at = await ready();
    execFileSync("rm", ["-r", join(at.root, gone)]);
    const run = await at.run("pod/finetune.sh", environment(at), prepared);
    expect([run.code, run.output]).toEqual([1, expect.stringContaining(message)]);
  });

  it("a recipe that would save nothing is fatal, one that would not validate only warns", async () => {
    const fatal = await ready("checkpoint: {save_iter: 3000}\ntrainer: {max_iter: 2000}\n");
    const run = await fatal.run("pod/finetune.sh", env(fatal), prepared);
    expect([run.code, run.output]).toEqual([
      1,
      expect.stringContaining("ERROR: cookbook save_iter=3000 > max_iter=2000 — no checkpoint will be saved."),
    ]);
    const warned = await ready("checkpoint: {save_iter: 2000}\ntrainer: {max_iter: 2000, validation_iter: 9000}\n");
    const fine = await warned.run("pod/finetune.sh", env(warned), prepared);
    expect([fine.code, fine.output]).toEqual([
      0,
      expect.stringContaining("WARN: cookbook validation_iter=9000 > max_iter=2000"),
    ]);
  });

  it("an empty validation list ends it", async () => {
    const at = await ready();
    expect((await at.run("pod/finetune.sh", env(at))).output).toContain(
      "ERROR: prep_testcase.sh produced an empty validation.jsonl",
    );
  });
});
