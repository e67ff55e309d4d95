import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../../../server/errors.ts";
import { ownFlowsDir, readFlowFile } from "../../../server/osmo/flow-files.ts";
import { flows } from "../../../server/osmo/flow-table.ts";
import { planSubmit } from "../../../server/osmo/plan.ts";
import { type RequestArgs, understand } from "../../../server/osmo/sentence/understand.ts";

const names = { boards: ["0603_H100", "1152819000", "line_3"], usecases: ["pcb", "metal_surface", "glass", "tiles"] };
const day0 = "texture_defect_generation_day0";
const good = "good_image_generation";
const structural = "structural_defect_generation";
const alignment = "texture_defect_generation_day1_real_alignment";
const manual = "texture_defect_generation_day1_manual_roi";

function outcome(args: RequestArgs): object {
  try {
    const { settled, questions } = understand(args, { names });
    return settled
      ? { flow: settled.flow.id, usecase: settled.usecase, ...settled.values }
      : { asks: questions.map(({ id }) => id) };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.code, ...error.facts };
    throw error;
  }
}

const _pcbPairs = '[["IC","bridge"],["passive_component","excess_solder"],["passive_component","missing"]]';
const metalPairs =
  '[["metal_surface","MT_Blowhole"],["metal_surface","MT_Break"],["metal_surface","MT_Crack"],["metal_surface","MT_Fray"],["metal_surface","MT_Uneven"]]';

describe("typed calls and the values that they come to", () => {
  it.each<[string, RequestArgs, object]>([
    ["a board by its alias", { flow: good, board: "spark" }, { board: "0603_H100" }],
    ["a board by its part number", { flow: good, board: "115_2819_000" }, { board: "1152819000" }],
    ["a board of flows_dir", { flow: good, board: "line_3" }, { board: "line_3" }],
    ["a board as a knob", { flow: good, knobs: { board: 1152819000 } }, { board: "1152819000" }],
    [
      "crops a cell",
      { flow: good, count: 30, count_means: "final_crops" },
      { crop_max_emit: "30", render_patches: "-1" },
    ],
    [
      "crops in all",
      { flow: good, count: 250, count_means: "total_crops" },
      { crop_max_emit: "10", render_patches: "25" },
    ],
    [
      "more crops in all than ten a cell",
      { flow: good, count: 1500, count_means: "total_crops" },
      { crop_max_emit: "15", render_patches: "100" },
    ],
    ["raw frames", { flow: day0, count: 20, count_means: "raw_patches" }, { render_patches: "20", num_sdg: "30" }],
    ["defects in all", { flow: day0, count: 80, count_means: "defects" }, { num_sdg: "80" }],
    [
      "60 pose crops of three modes",
      { flow: structural, count: 60, count_means: "structural_crops" },
      { render_patches: "3" },
    ],
    [
      "60 pose crops of two modes",
      { flow: structural, count: 60, count_means: "structural_crops", knobs: { defect_modes: ["tombstone", "shift"] } },
      { render_patches: "4", defect_modes: "tombstone,shift" },
    ],
    ["pose crops in all", { flow: structural, count: 60, count_means: "total_crops" }, { render_patches: "3" }],
    ["pose crops of the one-IC board", { flow: structural, board: "1152819000" }, { render_patches: "-1" }],
    [
      "modes as text",
      { flow: structural, knobs: { defect_modes: "shift,tombstone" } },
      { defect_modes: "shift,tombstone" },
    ],
    [
      "only one class, by name",
      { flow: day0, knobs: { anomaly_types_json: ["missing"] } },
      { anomaly_types_json: '[["passive_component","missing"]]' },
    ],
    [
      "only one class, as a pair",
      { flow: day0, board: "1152819000", knobs: { anomaly_types_json: [["IC", "bridge"]] } },
      { anomaly_types_json: '[["IC","bridge"]]' },
    ],
    [
      "only one class, as text",
      { flow: day0, knobs: { anomaly_types_json: "passive_component/excess solder" } },
      { anomaly_types_json: '[["passive_component","excess_solder"]]' },
    ],
    [
      "a class without its prefix",
      { flow: manual, usecase: "metal", knobs: { anomaly_types_json: ["crack"] } },
      { usecase: "metal_surface", checkpoint_step: "10000", anomaly_types_json: '[["metal_surface","MT_Crack"]]' },
    ],
    ["metal", { flow: manual, usecase: "metal_surface" }, { checkpoint_step: "10000", anomaly_types_json: metalPairs }],
    [
      "glass with an own step",
      { flow: manual, usecase: "glass", knobs: { checkpoint_step: 12000 } },
      { checkpoint_step: "12000" },
    ],
    [
      "an own photo",
      { flow: alignment, knobs: { real_image_filename: "input_real_image/line3.jpg" } },
      { real_image_filename: "input_real_image/line3.jpg", board: "0603_H100" },
    ],
    [
      "the photo and the classes of a board",
      { flow: alignment, board: "1152819000" },
      { real_image_filename: "input_real_image/115_2819_000.jpg", anomaly_types_json: '[["IC","bridge"]]' },
    ],
    [
      "training that names its use case",
      { flow: day0, knobs: { use_pretrained_checkpoint: false } },
      { use_pretrained_checkpoint: "false", usecase: "pcb" },
    ],
    [
      "training GPUs",
      { flow: "finetune", usecase: "pcb", knobs: { train_gpu: 4, train_memory: "256Gi" } },
      { train_gpu: "4", train_cpu: "32", train_memory: "256Gi" },
    ],
    [
      "ten training GPUs",
      { flow: "finetune", usecase: "pcb", knobs: { train_gpu: 10 } },
      { train_cpu: "80", train_memory: "480Gi" },
    ],
    ["a use case of flows_dir", { flow: "finetune", usecase: "tiles" }, { usecase: "tiles" }],
    [
      "a checkpoint of one's own",
      { flow: manual, usecase: "my_screens", knobs: { checkpoint_step: 500, anomaly_types_json: [["Cell", "dead"]] } },
      { usecase: "my_screens", checkpoint_step: "500" },
    ],
    [
      "both model sizes",
      { flow: "setup_pretrained", knobs: { pretrained_model_sizes: ["2B", "14B"] } },
      { pretrained_model_sizes: "2B 14B", storage_large: "300Gi" },
    ],
  ])("%s", (_title, args, values) => {
    expect(outcome(args)).toMatchObject(values);
  });
});

describe("typed calls that are refused name the argument that was passed", () => {
  it.each<[RequestArgs, string, object]>([
    [{ flow: good, board: "0603_H200" }, "osmo.unknown-name", { argument: "board", nearest: ["0603_H100"] }],
    [{ flow: good, board: "sparc" }, "osmo.unknown-name", { argument: "board" }],
    [{ flow: manual, usecase: "glas" }, "osmo.unknown-name", { argument: "usecase", nearest: ["glass"] }],
    [
      { flow: "finetune", usecase: "ceramic" },
      "osmo.unknown-name",
      { new_usecase: { pass: { flow: "finetune", usecase: "ceramic" } } },
    ],
    [{ flow: manual, usecase: "ceramic" }, "osmo.unknown-name", { argument: "usecase" }],
    [
      { flow: day0, knobs: { anomaly_types_json: ["scrach"] } },
      "osmo.unknown-name",
      { argument: "knobs.anomaly_types_json", nearest: expect.arrayContaining(["scratch"]) },
    ],
    [{ flow: day0, knobs: { anomaly_types_json: ["scratch"] } }, "osmo.unknown-name", { usecase: "pcb" }],
    [
      { flow: day0, board: "spark", knobs: { anomaly_types_json: ["bridge"] } },
      "osmo.bad-knob",
      { argument: "board", form: "1152819000" },
    ],
    [{ flow: good, usecase: "metal" }, "osmo.illegal-pair", { argument: "usecase" }],
    [{ flow: alignment, usecase: "glass" }, "osmo.illegal-pair", { flows: [manual, "finetune"] }],
    [{ flow: manual, usecase: "glass", board: "spark" }, "osmo.ignored-knob", { argument: "board" }],
    [
      { flow: structural, count: 5, count_means: "final_crops" },
      "osmo.bad-knob",
      { argument: "count_means", form: "structural_crops, total_crops, raw_patches" },
    ],
    [
      { flow: alignment, count: 5, count_means: "raw_patches" },
      "osmo.bad-knob",
      { argument: "count_means", form: "defects" },
    ],
    [
      { flow: good, count: 5, count_means: "raw_patches", knobs: { render_patches: 9 } },
      "osmo.bad-knob",
      { argument: "count", other: "knobs.render_patches" },
    ],
    [{ flow: structural, count: 5000, count_means: "structural_crops" }, "osmo.bad-knob", { argument: "count" }],
    [
      { flow: good, board: "spark", knobs: { board: "1152819000" } },
      "osmo.bad-knob",
      { argument: "board", other: "knobs.board" },
    ],
    [
      { flow: alignment, board: "line_3" },
      "osmo.bad-knob",
      { argument: "knobs.real_image_filename", upload: expect.stringContaining("osmo data upload") },
    ],
    [
      { flow: "finetune", usecase: "pcb", knobs: { lr: 0.1 } },
      "osmo.unknown-knob",
      { knobs: expect.arrayContaining(["train_gpu: a whole number from 1 [1]"]) },
    ],
    [{ flow: "setup_glass" }, "osmo.bad-knob", { argument: "knobs.uc3_zip_url_root" }],
  ])("%j", (args, refused, facts) => {
    expect(outcome(args)).toMatchObject({ refused, ...facts });
  });
});

describe("hostile values", () => {
  const hostile = [
    "{{7*7}}",
    "{% raw %}",
    "{# x",
    "a b",
    " x",
    "x ",
    "a\nb",
    "a\rb",
    "it's",
    "$(id)",
    "`id`",
    "../x",
    "",
    "__proto__",
    "a;b",
    "\u0000",
  ];
  const fitting: Readonly<Record<string, readonly string[]>> = { crop_max_emit: [""], uc3_zip_url_root: [] };

  it.each(Object.values(flows).flatMap((flow) => Object.keys(flow.knobs).map((knob) => [flow.id, knob] as const)))(
    "%s refuses them in %s by that name, or passes them whole",
    async (id, knob) => {
      const flow = flows[id];
      const base = id === "setup_glass" ? { uc3_zip_url_root: "s3://b/zip" } : {};
      const file = await readFlowFile(await ownFlowsDir(), flow);
      for (const value of hostile.filter((each) => !fitting[knob]?.includes(each))) {
        const args = { flow: id, usecase: flow.usecases[0], knobs: { ...base, [knob]: value } };
        const seen = outcome(args) as { refused?: string; argument?: string };
        if (seen.refused) expect(seen.argument ?? "").toMatch(new RegExp(`^(knobs\\.${knob}|board|usecase)$`));
        else {
          const { settled } = understand(args, { names });
          if (settled === undefined) throw new Error("asked");
          const { argv } = await planSubmit(settled, file, "p", flow.kind === "setup" ? undefined : "run-0");
          expect(argv).toContain(`${knob}=${value}`);
        }
      }
    },
  );
});
