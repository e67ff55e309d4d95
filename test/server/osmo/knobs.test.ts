import { describe, expect, it } from "@jest/globals";
import type { FlowId } from "../../../server/osmo/flow.ts";
import { flows } from "../../../server/osmo/flow-table.ts";
import { checkKnob } from "../../../server/osmo/knobs.ts";
import { refusalOf } from "../../support/refusal.ts";

const day0 = "texture_defect_generation_day0";
const good = "good_image_generation";
const structural = "structural_defect_generation";
const alignment = "texture_defect_generation_day1_real_alignment";
const manual = "texture_defect_generation_day1_manual_roi";

describe("knobs that are refused", () => {
  it.each<[FlowId, string, unknown, string]>([
    [day0, "render_patches", 0, "osmo.bad-knob"],
    [day0, "render_patches", -2, "osmo.bad-knob"],
    [day0, "crop_max_emit", "0", "osmo.bad-knob"],
    [day0, "crop_max_emit", "many", "osmo.bad-knob"],
    [day0, "num_sdg", "1e2", "osmo.bad-knob"],
    [day0, "image_edit_model", "qwen/qwen-image-edit-2511", "osmo.fixed-knob"],
    [day0, "infer_gpu", 2, "osmo.fixed-knob"],
    [day0, "render_gpu", 2, "osmo.fixed-knob"],
    [day0, "default_spatial_dependency", "text", "osmo.bad-knob"],
    [day0, "use_pretrained_checkpoint", "y", "osmo.bad-knob"],
    [day0, "anomaly_types_json", "[]", "osmo.bad-knob"],
    [day0, "anomaly_types_json", '[["IC","it\'s"]]', "osmo.bad-knob"],
    [day0, "anomaly_types_json", "{}", "osmo.unknown-name"],
    [day0, "anomaly_types_json", '[["IC"]]', "osmo.bad-knob"],
    [day0, "board", "115_2819_000", "osmo.mangled-name"],
    [day0, "board", "007", "osmo.mangled-name"],
    [day0, "board", "../x", "osmo.bad-knob"],
    [day0, "name", "mine", "osmo.fixed-knob"],
    [day0, "rendr_patches", 5, "osmo.unknown-knob"],
    [day0, "scene_filename", "a/../../b.usd", "osmo.bad-knob"],
    [day0, "scene_filename", "a;rm -rf.usd", "osmo.bad-knob"],
    [day0, "image_edit_endpoint", "https://me:secret@host/v1", "osmo.bad-knob"],
    [day0, "image_edit_endpoint", "https://host/", "osmo.bad-knob"],
    [day0, "dig_url_root", "https://bucket/dig", "osmo.bad-knob"],
    [day0, "dig_url_root", "s3://bucket/dig/", "osmo.bad-knob"],
    [day0, "defect_modes", "all", "osmo.ignored-knob"],
    [good, "usecase", "pcb", "osmo.ignored-knob"],
    [structural, "crop_max_emit", 5, "osmo.ignored-knob"],
    [structural, "usecase", "pcb", "osmo.ignored-knob"],
    [structural, "defect_modes", "missing", "osmo.bad-knob"],
    [structural, "defect_modes", "shift, tombstone", "osmo.bad-knob"],
    [structural, "defect_modes", "", "osmo.bad-knob"],
    [structural, "defect_modes", "shift,shift", "osmo.bad-knob"],
    [alignment, "crop_max_emit", 5, "osmo.ignored-knob"],
    [alignment, "use_usd2roi_day1", false, "osmo.fixed-knob"],
    [manual, "render_patches", 5, "osmo.ignored-knob"],
    ["finetune", "model_size", "14b", "osmo.ignored-knob"],
    ["setup_pretrained", "pretrained_model_sizes", "7B", "osmo.bad-knob"],
    ["setup_pcb", "name", "x", "osmo.fixed-knob"],
  ])("%s with %s=%s: %#", async (flow, knob, value, code) => {
    expect((await refusalOf(() => checkKnob(flows[flow], knob, value))).code).toBe(code);
  });

  it("an unknown knob comes back with the flow's list", async () => {
    const refusal = await refusalOf(() => checkKnob(flows.finetune, "lr", 0.1));
    expect(refusal.facts.knobs).toContain("train_gpu: a whole number from 1 [1]");
  });

  it("a mangled board comes back with the spelling that survives", async () => {
    const refusal = await refusalOf(() => checkKnob(flows[day0], "board", "115_2819_000"));
    expect(refusal.facts.use).toBe("1152819000");
  });
});

describe("knobs that pass", () => {
  it.each<[FlowId, string, unknown, string]>([
    [day0, "render_patches", -1, "-1"],
    [day0, "crop_max_emit", "", ""],
    [day0, "crop_max_emit", "null", "null"],
    [day0, "use_pretrained_checkpoint", false, "false"],
    [day0, "anomaly_types_json", [["IC", "bridge"]], '[["IC","bridge"]]'],
    [day0, "board", 1152819000, "1152819000"],
    [day0, "infer_gpu", "1", "1"],
    [structural, "defect_modes", "shift,tombstone", "shift,tombstone"],
    [structural, "crop_offset", 0, "0"],
    [manual, "usecase", "my_screens", "my_screens"],
    ["setup_pretrained", "pretrained_model_sizes", "2B 14B", "2B 14B"],
  ])("%s takes %s=%s", (flow, knob, value, text) => {
    expect(checkKnob(flows[flow], knob, value)).toBe(text);
  });
});
