import { describe, expect, it } from "@jest/globals";
import { type RequestArgs, readIntent } from "../../../server/osmo/intent.ts";
import { settle } from "../../../server/osmo/settle.ts";
import { refusalOf } from "../../support/refusal.ts";

function decided(args: RequestArgs) {
  const intent = readIntent(args);
  if (intent.kind === "ask") return { asks: intent.questions.map(({ id, options }) => `${id}:${options.length}`) };
  const settled = settle(intent.wanted);
  const { image_edit_model: _model, ...set } = settled.set;
  return { flow: settled.flow.id, usecase: settled.usecase, set };
}

const day0 = "texture_defect_generation_day0";
const good = "good_image_generation";
const structural = "structural_defect_generation";
const alignment = "texture_defect_generation_day1_real_alignment";
const manual = "texture_defect_generation_day1_manual_roi";
const photo = "input_real_image/0603_H100.jpg";

describe("requests that are open are asked, never guessed", () => {
  it.each<[string, string[]]>([
    ["generate me some images", ["flow:4"]],
    ["generate 50 images", ["count:4"]],
    ["generate 20 samples", ["count:4"]],
    ["run the PCBA flow", ["flow:4"]],
    ["give me defects", ["flow:3"]],
    ["give me 40 defects", ["flow:3"]],
    ["a quick smoke test please", ["flow:3"]],
    ["use my data", ["flow:3", "usecase:3"]],
    ["finetune", ["flow:3"]],
    ["train on metal", ["flow:3"]],
    ["tombstones and solder bridges", ["flow:2"]],
    ["clean images of another board", ["board:2"]],
    ["50 good images of the board", ["count:2"]],
    ["set everything up", ["flow:4"]],
    ["just finetune", ["usecase:3"]],
    ["manual roi inference", ["usecase:3"]],
  ])("%s", (request, asks) => {
    expect(decided({ request })).toEqual({ asks });
  });

  it("an explicit flow against the words is a contradiction", () => {
    expect(decided({ flow: structural, request: "solder bridges please" })).toEqual({ asks: ["flow:2"] });
    expect(decided({ flow: day0, request: "tombstones" })).toEqual({ asks: ["flow:2"] });
  });

  it("every question offers two to four exclusive options with what they set", () => {
    for (const request of [
      "generate 50 images",
      "give me defects",
      "finetune",
      "smoke test",
      "use my data",
      "set up",
    ]) {
      const intent = readIntent({ request });
      if (intent.kind !== "ask") throw new Error(`${request} was not asked`);
      expect(intent.questions.length).toBeLessThanOrEqual(4);
      for (const { options, ask } of intent.questions) {
        expect(options.length).toBeGreaterThanOrEqual(2);
        expect(options.length).toBeLessThanOrEqual(4);
        expect(new Set(options.map(({ label }) => label)).size).toBe(options.length);
        expect(options.every(({ set }) => set.includes("="))).toBe(true);
        expect(ask).toContain(request);
      }
    }
  });
});

describe("requests that are clear are not asked", () => {
  it.each<[string, object]>([
    ["solder bridge defects on the pcb", { flow: day0, usecase: "pcb", set: { board: "0603_H100" } }],
    [
      "missing components",
      {
        flow: day0,
        usecase: "pcb",
        set: { board: "0603_H100", anomaly_types_json: '[["passive_component","missing"]]' },
      },
    ],
    ["golden images for 1152819000", { flow: good, usecase: "pcb", set: { board: "1152819000" } }],
    ["30 golden crops", { flow: good, usecase: "pcb", set: { board: "0603_H100", crop_max_emit: "30" } }],
    ["20 clean patches", { flow: good, usecase: "pcb", set: { board: "0603_H100", render_patches: "20" } }],
    [
      "generate 50 tombstone crops of the spark board",
      { flow: structural, usecase: "pcb", set: { board: "0603_H100", defect_modes: "tombstone", render_patches: "5" } },
    ],
    [
      "a smoke test of clean images",
      { flow: good, usecase: "pcb", set: { board: "0603_H100", render_patches: "5", crop_max_emit: "1" } },
    ],
    [
      "structural defects, full coverage",
      { flow: structural, usecase: "pcb", set: { board: "0603_H100", render_patches: "-1" } },
    ],
    [
      "label a real photo of the board",
      { flow: alignment, usecase: "pcb", set: { usecase: "pcb", board: "0603_H100", real_image_filename: photo } },
    ],
    ["just finetune the pcb model", { flow: "finetune", usecase: "pcb", set: { usecase: "pcb" } }],
    ["set up glass", { error: "osmo.bad-knob" }],
    ["download the pretrained models", { flow: "setup_pretrained", usecase: undefined, set: {} }],
    ["set up the pretrained models for the pcb", { flow: "setup_pretrained", usecase: undefined, set: {} }],
  ])("%s", async (request, expected) => {
    if ("error" in expected) expect((await refusalOf(() => decided({ request }))).code).toBe(expected.error);
    else expect(decided({ request })).toEqual(expected);
  });

  it("metal and glass have one route, with their own step and pairs", () => {
    expect(decided({ request: "40 metal defects" })).toEqual({
      flow: manual,
      usecase: "metal_surface",
      set: {
        usecase: "metal_surface",
        num_sdg: "40",
        checkpoint_step: "10000",
        anomaly_types_json:
          '[["metal_surface","MT_Blowhole"],["metal_surface","MT_Break"],["metal_surface","MT_Crack"],["metal_surface","MT_Fray"],["metal_surface","MT_Uneven"]]',
      },
    });
    expect(decided({ request: "glass images" })).toMatchObject({ flow: manual, set: { checkpoint_step: "9000" } });
  });

  it("a chosen meaning of the count is the knob that it means", () => {
    const request = "50 images";
    expect(decided({ request, flow: good, count_means: "final_crops" })).toMatchObject({
      set: { crop_max_emit: "50" },
    });
    expect(decided({ request, flow: day0, count_means: "defects" })).toMatchObject({ set: { num_sdg: "50" } });
    expect(decided({ request, flow: day0, count_means: "raw_patches" })).toMatchObject({
      set: { render_patches: "50" },
    });
    expect(decided({ count: 250, flow: structural, count_means: "structural_crops" })).toMatchObject({
      set: { render_patches: "9" },
    });
  });
});

describe("requests that no flow serves are refused", () => {
  it.each<[RequestArgs, string]>([
    [{ flow: structural, request: "missing components" }, "osmo.wrong-flow"],
    [{ flow: alignment, usecase: "metal_surface" }, "osmo.illegal-pair"],
    [{ flow: alignment, usecase: "glass" }, "osmo.illegal-pair"],
    [{ flow: day0, usecase: "glass" }, "osmo.illegal-pair"],
    [{ flow: good, usecase: "metal_surface" }, "osmo.illegal-pair"],
    [{ request: "clean images of metal" }, "osmo.illegal-pair"],
    [{ request: "tombstones on glass" }, "osmo.illegal-pair"],
    [{ flow: manual, usecase: "my_screens" }, "osmo.bad-knob"],
    [{ flow: "setup_glass" }, "osmo.bad-knob"],
    [{ flow: manual, usecase: "glass", board: "0603_H100" }, "osmo.ignored-knob"],
    [{ flow: structural, count: 5, count_means: "final_crops" }, "osmo.ignored-knob"],
    [{ flow: alignment, usecase: "pcb", board: "my_board" }, "osmo.bad-knob"],
    [{ flow: day0, knobs: { anomaly_types_json: [["TEXTURE", "TYPE_C"]] } }, "osmo.bad-knob"],
    [{ flow: good, count: 5, count_means: "raw_patches", knobs: { render_patches: 9 } }, "osmo.bad-knob"],
  ])("%j", async (args, code) => {
    expect((await refusalOf(() => decided(args))).code).toBe(code);
  });
});

describe("rules that set more than one knob", () => {
  it("a board implies its photo", () => {
    expect(decided({ flow: alignment, usecase: "pcb", board: "1152819000" })).toMatchObject({
      set: { real_image_filename: "input_real_image/115_2819_000.jpg" },
    });
  });

  it.each([
    ["2", "16", "96Gi"],
    ["4", "32", "192Gi"],
    ["8", "64", "384Gi"],
    ["10", "80", "480Gi"],
  ])("%s training GPUs bring %s CPUs and %s", (train_gpu, cpu, memory) => {
    expect(decided({ flow: "finetune", usecase: "pcb", knobs: { train_gpu } })).toMatchObject({
      set: { train_cpu: cpu, train_memory: memory },
    });
  });

  it("a size that is given is kept", () => {
    const knobs = { train_gpu: 4, train_memory: "256Gi" };
    expect(decided({ flow: "finetune", usecase: "pcb", knobs })).toMatchObject({
      set: { train_cpu: "32", train_memory: "256Gi" },
    });
  });

  it("Day 0 names the use case only when it trains", () => {
    expect(decided({ flow: day0 })).not.toHaveProperty("set.usecase");
    expect(decided({ flow: day0, knobs: { use_pretrained_checkpoint: false } })).toMatchObject({
      set: { usecase: "pcb" },
    });
  });

  it("structural on the one-IC board renders every cell", () => {
    expect(decided({ flow: structural, board: "1152819000" })).toMatchObject({ set: { render_patches: "-1" } });
  });

  it("14B weights bring the storage that they need", () => {
    expect(decided({ flow: "setup_pretrained", knobs: { pretrained_model_sizes: "2B 14B" } })).toMatchObject({
      set: { storage_large: "300Gi" },
    });
  });
});
