import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { PNG } from "pngjs";
import { decodeGray } from "../../engine/image/decode.ts";
import { encodePng } from "../../engine/image/encode.ts";
import { blankGray } from "../../engine/image/gray.ts";
import { readTable } from "../../server/data/csv.ts";
import { listNames } from "../../server/fs/read.ts";
import { DARK, drawBoard, LIGHT, runEntry, temporaryFolder, withDisc } from "./support.ts";

const colours = { "(0, 0, 0, 255)": { class: "BACKGROUND" }, "(214, 120, 40, 255)": { class: "pad" } };

/** Generator data with two upright tracks 10 px apart, so that a bridge has a place. */
function writeDataset(options: { flatMask?: boolean; spec?: object[] } = {}) {
  const folder = temporaryFolder();
  const texture = join(folder, "pcb");
  for (const part of ["clean_image", "cad_mask", "mask/bridge", "mask/open"])
    mkdirSync(join(texture, part), { recursive: true });
  const clean = blankGray(96, 96, LIGHT);
  const png = new PNG({ width: 96, height: 96 });
  for (let p = 0; p < clean.data.length; p++) {
    const x = p % 96;
    const copper = (x >= 20 && x < 40) || (x >= 50 && x < 70);
    if (copper) clean.data[p] = DARK;
    png.data.set(copper && options.flatMask !== true ? [214, 120, 40, 255] : [255, 255, 255, 255], 4 * p);
    if (!copper && options.flatMask !== true) png.data.set([0, 0, 0, 255], 4 * p);
  }
  writeFileSync(join(texture, "clean_image", "a.png"), encodePng(clean));
  writeFileSync(join(texture, "clean_image", "unpaired.png"), encodePng(clean));
  writeFileSync(join(texture, "cad_mask", "a.png"), PNG.sync.write(png));
  const mask = withDisc(blankGray(96, 96), 30, 30, 8, 255);
  writeFileSync(join(texture, "mask/bridge", "m1.png"), encodePng(mask));
  writeFileSync(join(texture, "mask/open", "m2.png"), encodePng(mask));
  writeFileSync(join(folder, "semantic_segmentation_labels.json"), JSON.stringify(colours));
  const spec = options.spec ?? [
    { defect_type: "pcb+bridge", spatial_dependency: "cad", copper_change: "added" },
    { defect_type: "pcb+open", spatial_dependency: "free", copper_change: "removed" },
  ];
  writeFileSync(join(folder, "defect_spec.jsonl"), spec.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return folder;
}

const prepare = (folder: string, ...more: string[]) =>
  runEntry([
    ...["prep_testcase.sh", "--name", "iter1", "--num-sdg", "5", "--dataset-dir", folder, "--clean-dir", folder],
    ...["--defect-spec", `${folder}/defect_spec.jsonl`, "--amp-output-dir", `${folder}/out/amp`],
    ...["--output-jsonl", `${folder}/out/testcase.jsonl`, ...more],
  ]);
const testcases = (folder: string) =>
  readFileSync(join(folder, "out", "testcase.jsonl"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe("prep_testcase", () => {
  it("spreads the samples evenly and places bridges between two conductors", async () => {
    const folder = writeDataset();
    const result = await prepare(folder);
    expect(result.code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "out", "allocation.json"), "utf8"))).toEqual({
      "pcb+bridge": 3,
      "pcb+open": 2,
    });
    const bridges = testcases(folder).filter((one) => one.anomaly_type === "pcb+bridge");
    expect(bridges).toHaveLength(3);
    for (const { mask } of bridges) {
      const { data } = decodeGray(readFileSync(mask), mask);
      const columns = Array.from(data, (level, p) => (level > 127 ? p % 96 : -1)).filter((x) => x >= 0);
      expect([Math.min(...columns) <= 40, Math.max(...columns) >= 49]).toEqual([true, true]);
    }
  });

  it("a flat colour mask gives no place, a shorter JSONL and status 0; nothing at all is an error", async () => {
    const folder = writeDataset({ flatMask: true });
    const result = await prepare(folder);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain("WARNING a/pcb+bridge: no ROI candidates, skipping");
    expect(result.stdout).toContain("INFO pcb+bridge: 0/1 with ROI, 0/0 seeds OK");
    expect(testcases(folder).map((one) => one.anomaly_type)).toEqual(["pcb+open", "pcb+open"]);
    const only = await prepare(folder, "--per-defect-counts", '{"pcb+bridge": 2}');
    expect(only.stderr).toBe("error: 0 entries written\n");
    expect(only.code).toBe(1);
  });

  it("refuses text placement with the reason, and a text entry without a prompt", async () => {
    const text = { defect_type: "pcb+open", spatial_dependency: "text", roi_prompt_defect_location: "a trace" };
    const folder = writeDataset({ spec: [text] });
    expect((await prepare(folder)).stdout).toContain("pcb+open: spatial_dependency text needs a vision-language model");
    const silent = writeDataset({ spec: [{ ...text, roi_prompt_defect_location: "" }] });
    expect((await prepare(silent)).stderr).toContain("needs a non-empty roi_prompt_defect_location");
  });

  it("an unknown flag and a mask that is not binary", async () => {
    const folder = writeDataset();
    expect((await prepare(folder, "--seeds", "3")).stderr).toContain("unknown arg: --seeds");
    writeFileSync(join(folder, "pcb/mask/open", "m2.png"), encodePng(drawBoard(1)));
    expect((await prepare(folder)).stderr).toContain("anomaly mask is not binary (0/255)");
  });
});

describe("run_sdg", () => {
  it("makes one NG and OK pair a testcase, the same for the same seed", async () => {
    const folder = writeDataset();
    await prepare(folder);
    const run = (name: string, seed: string) =>
      runEntry([
        ...["run_sdg", "--checkpoint_dir", "none", "--step", "14000", "--input_jsonl", `${folder}/out/testcase.jsonl`],
        ...["--output_dir", `${folder}/${name}`, "--model_size", "2b", "--num_gpus", "1", "--seed", seed],
      ]);
    for (const [name, seed] of [
      ["x", "4"],
      ["y", "4"],
      ["z", "5"],
    ] as const)
      expect((await run(name, seed)).code).toBe(0);
    const names = await listNames(join(folder, "x", "reconstructed_image"));
    expect(names[0]).toBe("pcb+bridge_00000.png");
    expect(names).toEqual(await listNames(join(folder, "x", "original_image")));
    const { header, rows } = await readTable(join(folder, "x", "SDG_result.csv"));
    expect(rows).toHaveLength(names.length);
    expect(rows.every((row) => row[header.indexOf("guardrail_pass")] === "1")).toBe(true);
    const image = (name: string) => readFileSync(join(folder, name, "reconstructed_image", "pcb+bridge_00000.png"));
    expect(image("x").equals(image("y"))).toBe(true);
    expect(image("x").equals(image("z"))).toBe(false);
    const drawn = decodeGray(image("x"), "x");
    const mask = decodeGray(readFileSync(join(folder, "x", "original_mask", "pcb+bridge_00000.png")), "m");
    const under = Array.from(mask.data, (on, p) => (on > 127 ? (drawn.data[p] as number) : -1)).filter(
      (level) => level >= 0,
    );
    const mean = under.reduce((sum, level) => sum + level, 0) / under.length;
    expect(Math.abs(mean - DARK)).toBeLessThan(20);
  });
});
