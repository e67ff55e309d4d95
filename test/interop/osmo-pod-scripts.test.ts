import { execFileSync } from "node:child_process";
import { mkdir, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { ownFlowsDir } from "../../server/osmo/flow-files.ts";
import { temporaryFolders } from "../support/folder.ts";
import { makePod, type Pod } from "../support/pod.ts";

const folder = temporaryFolders();

beforeAll(() => {
  for (const [program, args, from] of [
    ["shellcheck", ["--version"], "apt-get install shellcheck"],
    ["python3", ["-c", "import yaml"], "pip install pyyaml"],
  ] as const) {
    try {
      execFileSync(program, args, { stdio: "pipe" });
    } catch {
      throw new Error(`This suite needs ${program} (${from}).`);
    }
  }
});

async function pod(shm?: number): Promise<Pod> {
  return makePod(await folder(), shm);
}

describe("the scripts", () => {
  it("are clean for shellcheck", async () => {
    const scripts = join(await ownFlowsDir(), "scripts");
    const names = (await readdir(scripts, { recursive: true })).filter((name) => name.endsWith(".sh"));
    expect(names.length).toBeGreaterThan(8);
    const root = join(await ownFlowsDir(), "..", "..", "..");
    execFileSync("shellcheck", ["-x", ...names.map((name) => join(scripts, name))], { cwd: root, stdio: "pipe" });
  });
});

const crop = "out/crop/passive_component/x0_y0/normal_img/0000.png";

describe("the Day 0 render", () => {
  const env = (at: Pod) => ({
    MAX_IMAGE_COUNT: "5",
    CROP_MAX_EMIT: "1",
    SCENE_FILENAME: "spark_lighting.usd",
    INPUT_ASSETS: `${at.root}/in/assets`,
  });
  async function ready(shm?: number) {
    const at = await pod(shm);
    await at.put("in/assets/usd/spark_lighting.usd");
    await at.put("tmp/pcba_target.yaml", "scene: __SCENE__\npcba_root: /World\n");
    await at.put("tmp/day0_image.yaml", "output: __OUTPUT__\nmax_image_count: __MAX_IMAGE_COUNT__\n");
    await at.put("tmp/day0_crop.yaml", "output:\n  dir: __OUTPUT__\ncrop:\n  max_emit: 10\n");
    return at;
  }

  it("patches the cookbooks, starts Kit with one argument for --exec and counts what came", async () => {
    const at = await ready();
    const run = await at.run("pod/render-day0.sh", env(at), { "usd2roi_crop.py": { files: { [crop]: "png" } } });
    expect(run.output).toContain("usd2roi-render complete: 1 ROIs across 1 cell(s); materials: passive_component");
    expect(run.code).toBe(0);
    expect(run.calls[0]?.slice(1, 4)).toEqual([
      `${at.root}/isaac-sim/apps/isaacsim.exp.base.kit`,
      "--no-window",
      "--exec",
    ]);
    expect(run.calls[0]).toHaveLength(5);
    expect(parse(await at.read("out/day0_image.yaml"))).toEqual({
      output: `${at.root}/out`,
      max_image_count: 5,
      horizontal_aperture: 200,
    });
    expect(parse(await at.read("out/day0_crop.yaml")).crop.max_emit).toBe(1);
    expect(parse(await at.read("out/pcba_target.yaml")).scene).toBe(`${at.root}/in/assets/usd/spark_lighting.usd`);
  });

  it.each([
    ["", 10],
    ["null", null],
    ["25", 25],
  ])("crop_max_emit %j leaves or sets %j", async (cap, expected) => {
    const at = await ready();
    const run = await at.run(
      "pod/render-day0.sh",
      { ...env(at), CROP_MAX_EMIT: cap },
      { "usd2roi_crop.py": { files: { [crop]: "png" } } },
    );
    expect(run.code).toBe(0);
    expect(parse(await at.read("out/day0_crop.yaml")).crop.max_emit).toBe(expected);
  });

  it("fails with its documented messages", async () => {
    const none = await ready();
    const empty = await none.run("pod/render-day0.sh", env(none));
    expect([empty.code, empty.output]).toEqual([1, expect.stringContaining("ERROR: 0 ROI pairs emitted under")]);
    const small = await ready(8);
    expect((await small.run("pod/render-day0.sh", env(small))).output).toContain(
      "ERROR: /dev/shm is 8GiB; need >= 16 GiB (32 preferred) for Kit ray-tracer buffers.",
    );
    const other = await ready();
    const lost = await other.run("pod/render-day0.sh", { ...env(other), SCENE_FILENAME: "no.usd" });
    expect([lost.code, lost.output]).toEqual([
      1,
      expect.stringContaining("ERROR: scene_filename=no.usd not found under"),
    ]);
    const bare = await ready();
    execFileSync("rm", [join(bare.root, "usr/share/nvidia/nvoptix.bin")]);
    const blind = await bare.run("pod/render-day0.sh", env(bare));
    expect([blind.code, blind.output]).toEqual([
      1,
      expect.stringContaining("ERROR: /usr/share/nvidia/nvoptix.bin not mounted;"),
    ]);
    const kitFails = await ready();
    expect((await kitFails.run("pod/render-day0.sh", env(kitFails), { kit: { exit: 3 } })).code).toBe(3);
  });
});

describe("the structural render", () => {
  async function ready() {
    const at = await pod();
    await at.put("in/assets/spark_lighting.usd");
    await at.put("tmp/pcba_target.yaml", "scene: __SCENE__\n");
    const mode = "{enabled: true, ratio: 0.2}";
    await at.put(
      "tmp/render_config.yaml",
      `output: x\nmax_image_count: 5\ndefects:\n  shift: ${mode}\n  tombstone: ${mode}\n  sideflip: ${mode}\n`,
    );
    return at;
  }
  const env = (at: Pod, modes: string) => ({
    MAX_IMAGE_COUNT: "-1",
    DEFECT_MODES: modes,
    CROP_OFFSET: "10",
    SCENE_FILENAME: "spark_lighting.usd",
    INPUT_ASSETS: `${at.root}/in/assets`,
  });
  const good = {
    kit: { files: { "tmp/work_out/trigger_0000/rgb_0000.png": "f" } },
    "crop_components.py": { files: { "tmp/work_out/cropped/shift/rgb/0000.png": "c" } },
  };

  it("enables exactly the modes that are named and mirrors the work folder", async () => {
    const at = await ready();
    const run = await at.run("pod/render-structural.sh", env(at, "shift,sideflip"), good);
    expect(run.output).toContain("defect_modes: enabled=[shift sideflip], disabled=[tombstone]");
    const { defects, max_image_count } = parse(await at.read("out/render_config.yaml"));
    expect([max_image_count, defects.shift.enabled, defects.tombstone.enabled, defects.sideflip.enabled]).toEqual([
      -1,
      true,
      false,
      true,
    ]);
    expect(await at.read("out/cropped/shift/rgb/0000.png")).toBe("c");
  });

  it("fails for an unknown mode, no frames and no crops", async () => {
    const unknown = await ready();
    expect((await unknown.run("pod/render-structural.sh", env(unknown, "missing"), good)).output).toContain(
      "ERROR: unknown defect_modes: missing (expected subset of: shift tombstone sideflip)",
    );
    const blank = await ready();
    expect((await blank.run("pod/render-structural.sh", env(blank, "all"))).output).toContain(
      "ERROR: sdg_pipeline.py produced no frames under /tmp/work_out",
    );
    const cropless = await ready();
    expect((await cropless.run("pod/render-structural.sh", env(cropless, "all"), { kit: good.kit })).output).toContain(
      "ERROR: crop_components.py produced no per-mode rgb crops",
    );
  });
});

describe("the alignment render", () => {
  async function ready() {
    const at = await pod();
    await at.put("in/assets/spark_lighting.usd");
    await at.put("in/assets/photos/board.jpg");
    await at.put("tmp/usd2roi_day1.yaml", "scene: a\nreal_image: b\noutput:\n  dir: c\n");
    return at;
  }
  const env = (at: Pod, photo = "input_real_image/board.jpg") => ({
    SCENE_FILENAME: "spark_lighting.usd",
    REAL_IMAGE_FILENAME: photo,
    INPUT_ASSETS: `${at.root}/in/assets`,
  });

  it("finds the photo by its name and passes the register's exit code on", async () => {
    const at = await ready();
    const run = await at.run("pod/render-alignment.sh", env(at), {
      "usd2roi_crop.py": { files: { "out/crop/IC/normal_img/0000.png": "c" } },
    });
    expect(run.output).toContain("usd2roi-day1 complete: 1 ROI crops");
    expect(parse(await at.read("out/usd2roi_day1.yaml")).real_image).toBe(`${at.root}/in/assets/photos/board.jpg`);
    const low = await ready();
    const failed = await low.run("pod/render-alignment.sh", env(low), { "usd2roi_register.py": { exit: 2 } });
    expect([failed.code, failed.output]).toEqual([
      2,
      expect.stringContaining("ERROR: usd2roi_register.py exited 2 (likely MI < min_mi)."),
    ]);
    const missing = await ready();
    expect((await missing.run("pod/render-alignment.sh", env(missing, "no.jpg"))).output).toContain(
      "ERROR: real_image_filename=no.jpg not found under",
    );
  });
});

describe("the augment task", () => {
  it.each(["cells", "modes"])("lists every image of %s and keeps the cookbook's extension", async (layout) => {
    const at = await pod();
    const cells = layout === "cells";
    await at.put(cells ? "in/crop/IC/x0_y0/normal_img/0000.png" : "in/cropped/shift/rgb/0000.png");
    await at.put(
      "tmp/augmentation_cookbook.yaml",
      "data:\n  - output: {video: a.jpg}\nendpoints:\n  image_edit: {url: old, model: m}\n",
    );
    const image = cells ? "out/crop/IC/x0_y0/0000.jpg" : "out/shift/rgb/0000.jpg";
    const env = {
      LAYOUT: layout,
      INPUT_CROPS: `${at.root}/in`,
      IMAGE_EDIT_ENDPOINT: "http://e/v1",
      IMAGE_EDIT_MODEL: " ",
    };
    const run = await at.run("pod/augment.sh", env, { "cli.py": { files: { [image]: "j" } } });
    expect(run.output).toMatch(/image-edit complete: 1 images/);
    const batch = parse(await at.read("tmp/augmentation_batch.yaml"));
    expect(batch.data.map((one: { output: { video: string } }) => one.output.video)).toEqual([join(at.root, image)]);
    expect(batch.endpoints.image_edit).toEqual({ url: "http://e/v1", model: "m" });
  });

  it("fails without crops and without results", async () => {
    const at = await pod();
    await mkdir(join(at.root, "in"), { recursive: true });
    const env = { LAYOUT: "cells", INPUT_CROPS: `${at.root}/in`, IMAGE_EDIT_ENDPOINT: "", IMAGE_EDIT_MODEL: "" };
    expect((await at.run("pod/augment.sh", env)).output).toContain("ERROR: no material subdirs under");
    expect((await at.run("pod/augment.sh", { ...env, LAYOUT: "modes" })).output).toContain(
      "ERROR: no per-mode rgb crops under",
    );
    await at.put("in/crop/IC/x0_y0/normal_img/0000.png");
    await at.put("tmp/augmentation_cookbook.yaml", "data: []\n");
    const silent = await at.run("pod/augment.sh", env);
    expect([silent.code, silent.output]).toEqual([1, expect.stringContaining("ERROR: 0 image-edit images emitted")]);
  });
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

describe("setup", () => {
  it("flattens a model download", async () => {
    const at = await pod();
    const place = "out/nvidia/Cosmos-AnomalyGen-PCB-2B";
    const run = await at.run(
      "pod/setup.sh",
      { ARTIFACT: "models/pcb", ACTION: "model", UC: "pcb" },
      {
        "download_anomalygen_checkpoints.sh": {
          files: { [`${place}/iter_000014000.pt`]: "w", [`${place}/ag_config.yaml`]: "c", [`${place}/README.md`]: "r" },
        },
      },
    );
    expect([run.code, run.output]).toEqual([0, expect.stringContaining("[OK] models/pcb: 2 files")]);
    expect((await readdir(join(at.root, "out"))).sort()).toEqual(["ag_config.yaml", "iter_000014000.pt"]);
  });

  it("prepares datasets and assets, and an empty result fails", async () => {
    const at = await pod();
    const uc1 = await at.run(
      "pod/setup.sh",
      { ARTIFACT: "datasets/pcb/raw", ACTION: "uc1" },
      { "prepare_dataset_uc1.py": { files: { "out/PCB/a.png": "x", "out/.gitattributes": "x" } } },
    );
    expect(uc1.output).toContain("[OK] datasets/pcb/raw: 1 files");
    const assets = await (await pod()).run("pod/setup.sh", { ARTIFACT: "datasets/pcb/assets", ACTION: "assets" });
    expect([assets.code, assets.output]).toEqual([1, expect.stringContaining("ERROR: 0 files in")]);
  });

  it("glass wants its zip as a file", async () => {
    const at = await pod();
    await at.put("in/zip/mobile_screen.zip/mobile_screen.zip");
    const env = { ARTIFACT: "datasets/glass/raw", ACTION: "glass", UC3_ZIP_DIR: `${at.root}/in/zip` };
    const failed = await at.run("pod/setup.sh", env);
    expect([failed.code, failed.output]).toEqual([1, expect.stringContaining("ERROR: /tmp/uc3_input.zip not present")]);
    execFileSync("rm", ["-r", join(at.root, "in/zip/mobile_screen.zip")]);
    await at.put("in/zip/mobile_screen.zip");
    const fine = await at.run("pod/setup.sh", env, { "prepare_dataset_uc3.py": { files: { "out/Phone/a.png": "x" } } });
    expect(fine.code).toBe(0);
    expect(fine.calls.at(-1)).toContain("--masks-from-hf");
  });

  it("assembles the pretrained tree, sizes as two arguments, and shows why a download failed", async () => {
    const at = await pod();
    await at.put("workspace/paidf-anomalygen/checkpoints/NVDINOV2/w");
    const run = await at.run("pod/setup-pretrained.sh", { MODEL_SIZES: "2B 14B" });
    expect([run.code, run.output]).toEqual([0, expect.stringContaining("pretrained/ assembled: 1 files")]);
    expect(run.output).toContain("WARN: checkpoints/sam2 not found");
    expect(run.calls[0]?.slice(-3)).toEqual(["--model_sizes", "2B", "14B"]);
    const failed = await (await pod()).run(
      "pod/setup-pretrained.sh",
      { MODEL_SIZES: "2B" },
      { "download_checkpoints.py": { exit: 1, print: "401 Client Error" } },
    );
    expect([failed.code, failed.output]).toEqual([1, expect.stringContaining("401 Client Error")]);
  });
});
