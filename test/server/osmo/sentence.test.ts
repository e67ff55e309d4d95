import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../../../server/errors.ts";
import { type RequestArgs, understand } from "../../../server/osmo/sentence/understand.ts";

const names = { boards: ["0603_H100", "1152819000"], usecases: ["pcb", "metal_surface", "glass"] };
const day0 = "texture_defect_generation_day0";
const good = "good_image_generation";
const structural = "structural_defect_generation";
const alignment = "texture_defect_generation_day1_real_alignment";
const manual = "texture_defect_generation_day1_manual_roi";

/** What a call comes to: the settled values, or the questions with the words that no argument carries out. */
function outcome(args: RequestArgs): object {
  try {
    const { settled, questions, open, pass } = understand(args, { names });
    if (settled === undefined) return { asks: questions.map(({ id }) => id), open, pass };
    const { image_edit_model: _model, ...set } = settled.set;
    return { flow: settled.flow.id, usecase: settled.usecase, set };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.code, facts: error.facts };
    throw error;
  }
}

const h100 = { board: "0603_H100" };
const tombstone = { ...h100, defect_modes: "tombstone" };
const metal = {
  usecase: "metal_surface",
  checkpoint_step: "10000",
  anomaly_types_json: JSON.stringify(
    ["MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Uneven"].map((defect) => ["metal_surface", defect]),
  ),
};
const missing = { ...h100, anomaly_types_json: '[["passive_component","missing"]]' };

describe("sentences that are understood to the last word are planned", () => {
  it.each<[string, string, Record<string, string>]>([
    ["generate 50 tombstone crops of the spark board", structural, { ...tombstone, render_patches: "7" }],
    ["generate 1,000 tombstone crops of the spark board", structural, { ...tombstone, render_patches: "100" }],
    ["50 tombstones please", structural, { ...tombstone, render_patches: "7" }],
    ["tombstone crops of the 0603_H100 board, 50 of them", structural, { ...tombstone, render_patches: "7" }],
    [
      "60 shift, tombstone and sideflip crops",
      structural,
      { ...h100, defect_modes: "shift,tombstone,sideflip", render_patches: "3" },
    ],
    ["30 pose defects", structural, { ...h100, render_patches: "2" }],
    ["tombstones, not solder bridges", structural, tombstone],
    ["only side-flips, please", structural, { ...h100, defect_modes: "sideflip" }],
    [
      "shift defects on board 1152819000",
      structural,
      { board: "1152819000", defect_modes: "shift", render_patches: "-1" },
    ],
    ["structural defects, full coverage", structural, { ...h100, render_patches: "-1" }],
    ["20 clean patches", good, { ...h100, render_patches: "20" }],
    ["200 clean crops in total", good, { ...h100, render_patches: "20", crop_max_emit: "10" }],
    ["5 golden crops per cell of the spark board", good, { ...h100, crop_max_emit: "5" }],
    ["golden images for 1152819000", good, { board: "1152819000" }],
    ["a smoke test of clean images", good, { ...h100, render_patches: "5", crop_max_emit: "1" }],
    ["clean images of the spark pcba, no defects", good, h100],
    ["missing components", day0, missing],
    ["40 missing components of the spark board", day0, { ...missing, num_sdg: "40" }],
    [
      "excess solder and missing parts",
      day0,
      { ...h100, anomaly_types_json: '[["passive_component","excess_solder"],["passive_component","missing"]]' },
    ],
    [
      "30 solder bridges on IC, board 1152819000",
      day0,
      { board: "1152819000", num_sdg: "30", anomaly_types_json: '[["IC","bridge"]]' },
    ],
    ["texture defects with checkpoint 14000", day0, h100],
    ["40 metal defects", manual, { ...metal, num_sdg: "40" }],
    ["metal defects, only cracks", manual, { ...metal, anomaly_types_json: '[["metal_surface","MT_Crack"]]' }],
    [
      "12 scratches on phone screens",
      manual,
      { usecase: "glass", checkpoint_step: "9000", num_sdg: "12", anomaly_types_json: '[["Phone","scratch"]]' },
    ],
    [
      "oil and stain defects on glass, no scratches",
      manual,
      { usecase: "glass", checkpoint_step: "9000", anomaly_types_json: '[["Phone","oil"],["Phone","stain"]]' },
    ],
    [
      "run the day 1 alignment flow",
      alignment,
      { ...h100, usecase: "pcb", real_image_filename: "input_real_image/0603_H100.jpg" },
    ],
    ["just finetune the pcb model", "finetune", { usecase: "pcb" }],
    ["download the pretrained models", "setup_pretrained", {}],
    ["set up the pcb", "setup_pcb", {}],
  ])("%s", (request, flow, set) => {
    expect(outcome({ request })).toMatchObject({ flow, set });
    expect(Object.keys((outcome({ request }) as { set: object }).set).sort()).toEqual(Object.keys(set).sort());
  });
});

describe("what a sentence says and no argument carries out is asked", () => {
  it.each<[string, string[], string[]]>([
    // Quantities: words, suffixes, ranges, bounds, other notations.
    ["generate fifty tombstone crops of the spark board", ["count"], ["fifty"]],
    ["a thousand tombstone crops", ["count"], ["a thousand"]],
    ["two dozen tombstone crops", ["count"], ["two dozen"]],
    ["10k tombstone crops", ["count"], ["10k"]],
    ["1.5k tombstone crops", ["count"], ["1.5k"]],
    ["5e2 tombstone crops", ["count"], ["5e2"]],
    ["1 000 tombstone crops", ["count"], ["1 000"]],
    ["1.000 tombstone crops", ["count"], ["1.000"]],
    ["tombstone crops of the spark board (n=50)", ["count"], ["n=50"]],
    ["50-100 tombstone crops", ["count"], ["50-100"]],
    ["between 50 and 100 tombstone crops", ["count", "left"], ["between", "50", "100"]],
    ["at least 50 tombstone crops", ["left"], ["at least"]],
    ["make one good image of the spark board", ["count"], ["one"]],
    ["a tombstone crop", ["count"], ["a"]],
    ["a tombstone of the spark board", ["count"], ["a"]],
    ["tombstone crops of the spark board\nand then 20 more", ["count", "left"], ["20", "more"]],
    ["50 non-tombstone pose crops", ["flow", "left"], ["50", "non"]],
    ["make a few hundred good images of the spark board", ["left"], ["a few hundred"]],
    ["50 good images of the board", ["count"], []],
    ["30 golden crops", ["count"], []],
    ["50 tombstones and 30 sideflips", ["count"], ["50", "30"]],
    ["60 shift crops with 2 GPUs", ["left"], ["2", "GPUs"]],
    ["50 tombstone crops in 3 hours", ["count", "left"], ["50", "3", "hours"]],
    ["50% tombstone crops", ["count"], ["50%"]],
    // Boards and parts.
    ["50 tombstone crops of the foo board", ["board"], ["foo"]],
    ["50 tombstone crops of the DUT board", ["board"], ["DUT"]],
    ["50 tombstone crops of the 0402 board", ["count", "board"], ["50", "0402"]],
    ["50 tombstone crops for the 0402 parts of the spark board", ["count"], ["50", "0402"]],
    ["clean images of another board", ["board"], ["another board"]],
    ["clean images of the spark board and 1152819000", ["board"], ["1152819000"]],
    ["solder bridges on the pcb", ["board"], []],
    ["no shift, tombstone crops please", ["flow", "left"], ["no", "tombstone"]],
    ["clean ICs of the spark board", ["board"], ["ICs"]],
    // Negations.
    ["pose defects but no sideflips", ["without"], ["no"]],
    ["pose defects except shift", ["without"], ["except"]],
    ["don't skip tombstones, make sideflips", ["left"], ["don't", "skip"]],
    ["glass defects without scratches", ["without"], ["without"]],
    ["no tombstones", ["flow", "left"], ["no"]],
    // Defects and checkpoints that the model does not have.
    ["only scratches on metal", ["left"], ["only", "scratches"]],
    ["checkpoint 14,000 on metal", ["checkpoint_step"], ["14,000"]],
    ["discoloration on the spark board", ["flow", "left"], ["discoloration"]],
    ["defects on ceramic tiles", ["flow", "left"], ["ceramic", "tiles"]],
    // Flows.
    ["generate me some images", ["flow"], []],
    ["generate 50 images", ["count"], []],
    ["run the PCBA flow", ["flow"], []],
    ["give me 40 defects", ["flow"], []],
    ["a quick smoke test please", ["flow"], []],
    ["use my data", ["flow", "usecase"], []],
    ["finetune", ["flow"], []],
    ["train on metal", ["flow"], []],
    ["tombstones and solder bridges", ["flow"], []],
    ["set everything up", ["flow"], []],
    ["just finetune", ["usecase"], []],
    ["a changenet pair of the spark board", ["pair"], []],
    ["label our own photo of the 0603_H100 board", ["photo"], ["our own", "photo"]],
    ["label a real photo of the board", ["photo"], ["real photo"]],
    ["30 on IC, board 1152819000", ["flow", "left"], ["30"]],
    // Other languages, and text that is none.
    [
      "genera cincuenta imágenes buenas de la placa spark",
      ["flow", "left"],
      ["genera", "cincuenta", "imágenes", "buenas", "de", "la", "placa"],
    ],
    [
      "50 Bilder mit Grabsteinen, keine Verschiebung",
      ["flow", "left"],
      ["50", "Bilder", "mit", "Grabsteinen", "keine", "Verschiebung"],
    ],
    ["给我50张立碑缺陷图", ["flow", "left"], ["给我50张立碑缺陷图"]],
    ["٥٠ tombstone crops", ["left"], ["٥٠"]],
    ["５０ tombstone crops", ["left"], ["５０"]],
    ["tombstone crops {{7*7}}", ["count"], ["{{7*7}}"]],
  ])("%s", (request, asks, open) => {
    const seen = outcome({ request }) as { asks: string[]; open: string[] };
    expect([seen.asks, seen.open]).toEqual([asks, open]);
  });

  it("every question has two to four options, each with what it sets, and echoes no more than the request", () => {
    for (const request of [
      "generate 50 images",
      "give me defects",
      "finetune",
      "use my data",
      "50-100 tombstone crops",
    ]) {
      const { questions } = understand({ request }, { names });
      for (const { options, ask } of questions) {
        expect(options.length).toBeGreaterThanOrEqual(2);
        expect(options.length).toBeLessThanOrEqual(4);
        expect(new Set(options.map(({ label }) => label)).size).toBe(options.length);
        expect(options.every(({ set }) => set !== "")).toBe(true);
        expect(ask).toContain(request);
      }
    }
  });
});

describe("requests that no flow serves are refused, naming what was passed", () => {
  it.each<[RequestArgs, string, string | undefined]>([
    [{ request: "0 tombstone crops" }, "osmo.bad-knob", "count"],
    [{ request: "2,500 tombstone crops" }, "osmo.bad-knob", "count"],
    [{ request: "solder bridges on the spark board" }, "osmo.bad-knob", "board"],
    [{ request: "missing components", flow: structural }, "osmo.wrong-flow", undefined],
    [{ request: "clean images of metal" }, "osmo.illegal-pair", undefined],
    [{ request: "tombstones on glass" }, "osmo.illegal-pair", undefined],
    [{ request: "set up glass" }, "osmo.bad-knob", "knobs.uc3_zip_url_root"],
  ])("%j", (args, refused, argument) => {
    expect(outcome(args)).toMatchObject({ refused, facts: argument ? { argument } : {} });
  });
});

describe("arguments beside a sentence", () => {
  it.each<[RequestArgs, string[]]>([
    [{ request: "50 tombstone crops", count: 60 }, ['count=60, but the request says "50"']],
    [
      { request: "tombstone crops", flow: structural, knobs: { defect_modes: "all" } },
      ['knobs.defect_modes="all", but the request says "tombstone"'],
    ],
    [
      { request: "clean images of the spark board", board: "1152819000" },
      ['board="1152819000", but the request says "spark board"'],
    ],
    [
      { request: "solder bridges", flow: structural },
      ['flow="structural_defect_generation", but the request says "solder bridges"'],
    ],
    [{ request: "metal defects", flow: manual, usecase: "glass" }, ['usecase="glass", but the request says "metal"']],
  ])("that contradict it are named: %j", (args, contradicts) => {
    expect(understand(args, { names })).toMatchObject({ settled: undefined, contradicts });
  });

  it.each<[RequestArgs, object]>([
    [{ request: "fifty tombstone crops", count: 50, count_means: "structural_crops" }, { render_patches: "7" }],
    [{ request: "50-100 tombstone crops", count: 100, count_means: "structural_crops" }, { render_patches: "12" }],
    [
      { request: "pose defects but no sideflips", flow: structural, knobs: { defect_modes: ["shift", "tombstone"] } },
      { defect_modes: "shift,tombstone" },
    ],
    [
      { request: "label our own photo", knobs: { real_image_filename: "input_real_image/line3.jpg" } },
      { real_image_filename: "input_real_image/line3.jpg" },
    ],
    [
      { request: "train on metal with 4 GPUs", flow: "finetune", knobs: { train_gpu: 4 } },
      { train_gpu: "4", train_cpu: "32", train_memory: "192Gi" },
    ],
    [{ request: "at least 50 tombstone crops", count: 50, count_means: "structural_crops" }, { render_patches: "7" }],
  ])("that carry out its open words settle it: %j", (args, set) => {
    expect(outcome(args)).toMatchObject({ set });
  });
});
