import { describe, expect, it } from "@jest/globals";
import { Refusal } from "../../../server/errors.ts";
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

const pcbPairs = '[["IC","bridge"],["passive_component","excess_solder"],["passive_component","missing"]]';
const metalPairs =
  '[["metal_surface","MT_Blowhole"],["metal_surface","MT_Break"],["metal_surface","MT_Crack"],["metal_surface","MT_Fray"],["metal_surface","MT_Uneven"]]';

/** The six evaluation prompts of the vendor's skill: what a person says, and what an agent passes. */
describe("the vendor's prompts", () => {
  it.each<[string, RequestArgs, RequestArgs, object]>([
    [
      "We need to run the full AOI pipeline for our spark PCBA board end-to-end with the shipped PCBA checkpoint to produce annotated anomaly images for IC+bridge, passive_component+excess_solder, and passive_component+missing.",
      { flow: day0, usecase: "pcb", board: "0603_H100" },
      {
        flow: day0,
        usecase: "pcb",
        board: "spark",
        knobs: { anomaly_types_json: ["bridge", "excess_solder", "missing"], checkpoint_step: 14000 },
      },
      { anomaly_types_json: pcbPairs, checkpoint_step: "14000", use_pretrained_checkpoint: "true", board: "0603_H100" },
    ],
    [
      "I have pre-captured clean metal-surface images and ROI masks already under the DIG root. Show me the plan to generate anomaly training data using the shipped metal-surface checkpoint with no finetuning",
      { usecase: "metal_surface" },
      { flow: manual, usecase: "metal_surface", dry_run: true },
      {
        usecase: "metal_surface",
        checkpoint_step: "10000",
        anomaly_types_json: metalPairs,
        use_pretrained_checkpoint: "true",
      },
    ],
    [
      "I want to finetune anomalygen on our labeled glass-defect data under the DIG root and produce a checkpoint we can reuse later.",
      { usecase: "glass" },
      { flow: "finetune", usecase: "glass" },
      { flow: "finetune", usecase: "glass" },
    ],
    [
      "I need a batch of clean PCBA images on the 0603_H100 board for our ChangeNet positives — no defects, just nicely styled clean ROIs. We'll use the local cluster Qwen Image-Edit endpoint.",
      { flow: good, usecase: "pcb", board: "0603_H100" },
      { flow: good, usecase: "pcb", board: "0603_H100" },
      { board: "0603_H100", image_edit_model: "nvidia/Qwen-Image-Edit-NVPCB-OVSL2SL" },
    ],
    [
      "I need tombstone and shift defect frames for the 0603_H100 board — just the pose-perturbation kind, not solder bridges. About 60 of them.",
      { flow: structural, usecase: "pcb", board: "0603_H100", count: 60, knobs: { defect_modes: "shift,tombstone" } },
      {
        flow: structural,
        board: "0603_H100",
        count: 60,
        count_means: "structural_crops",
        knobs: { defect_modes: ["tombstone", "shift"] },
      },
      { defect_modes: "tombstone,shift", render_patches: "4" },
    ],
    [
      "Here's a real photo of our 0603_H100 PCBA captured on the AOI machine. I want defects labeled on it using the shipped PCBA checkpoint.",
      { flow: alignment, usecase: "pcb", board: "0603_H100" },
      {
        flow: alignment,
        usecase: "pcb",
        board: "0603_H100",
        knobs: { real_image_filename: "input_real_image/ours.jpg" },
      },
      {
        real_image_filename: "input_real_image/ours.jpg",
        default_spatial_dependency: "cad",
        use_pretrained_checkpoint: "true",
      },
    ],
  ])("%s", (request, proposed, typed, values) => {
    const asked = understand({ request }, { names });
    expect(asked.settled).toBeUndefined();
    expect(asked.questions.length).toBeLessThanOrEqual(4);
    expect(asked.pass).toMatchObject(proposed);
    expect(outcome(typed)).toMatchObject(values);
  });
});
