import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { ownFlowsDir } from "../../server/osmo/flow-files.ts";
import { podScript } from "../../server/platforms/osmo/pod-script.ts";
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
  it("of a training in a pod is clean for shellcheck too", async () => {
    const path = join(await folder(), "run.sh");
    await writeFile(path, podScript);
    execFileSync("shellcheck", [path], { stdio: "pipe" });
  });

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
