import type { Flow, FlowId, FlowTask } from "./flow.ts";
import {
  alignmentKnobs,
  anomalygenKnobs,
  augmentPod,
  baseKnobs,
  boardKnobs,
  cropKnobs,
  day0Usecase,
  editKnobs,
  inferKnobs,
  inferPod,
  renderImage,
  renderPod,
  structuralKnobs,
  trainPod,
  usecaseKnob,
} from "./knob-table.ts";
import { setupFlows } from "./setup-table.ts";

const pcbPairs = '[["IC","bridge"],["passive_component","excess_solder"],["passive_component","missing"]]';
const missingPair = '[["passive_component","missing"]]';

const render: FlowTask = {
  group: "usd2roi-render",
  task: "usd2roi-replicator",
  image: "usd2roi_image",
  sized_by: "render",
  hf_token: false,
  inputs: ["root:datasets/pcb/assets"],
  output: "runs/<name>/usd2roi-components",
  cookbooks: ["pcb/<board>/pcba_target.yaml", "pcb/<board>/day0_image.yaml", "pcb/<board>/day0_crop.yaml"],
};

const augment = (source: string, output: string): FlowTask => ({
  group: "augment-image-edit",
  task: "image-edit",
  image: "augmentation_image",
  sized_by: "augment",
  hf_token: true,
  inputs: [`task:${source}`],
  output: `runs/<name>/${output}`,
  cookbooks: ["pcb/augmentation_config_ovsl2sl.yaml"],
});

const finetune = (usecase: string): FlowTask => ({
  group: "finetune-job",
  task: "finetune",
  image: "anomalygen_image",
  sized_by: "train",
  hf_token: true,
  inputs: ["root:models/pretrained", `root:datasets/${usecase}/raw`],
  output: "runs/<name>/finetune",
  cookbooks: [`${usecase}/ag_config.yaml`],
});

const infer = (inputs: FlowTask["inputs"]): FlowTask => ({
  group: "anomaly-infer",
  task: "infer-all-defects",
  image: "anomalygen_image",
  sized_by: "infer",
  hf_token: true,
  inputs: [...inputs, "root:models/pretrained", "checkpoint"],
  output: "runs/<name>/anomaly",
  cookbooks: [],
});

const pcbOnly = { usecases: ["pcb"], custom_usecase: false, kind: "generation" } as const;
const noCropCap = "Structural crops are one a component: size them with render_patches and defect_modes.";

const flowList: readonly Flow[] = [
  {
    ...pcbOnly,
    id: "texture_defect_generation_day0",
    title: "Day 0 texture defects, missing component included, on rendered boards",
    yaml: "assets/configs/texture_defect_generation_day0.yaml",
    workflow_name: "texture_defect_gen_day0",
    knobs: {
      ...baseKnobs("texture_defect_gen_day0", "28h", "2h"),
      ...day0Usecase,
      ...inferKnobs(pcbPairs),
      ...editKnobs,
      ...boardKnobs,
      ...cropKnobs,
      ...renderPod,
      ...augmentPod,
      ...inferPod,
      // The task passes no GPU count to the inference script, so more than one would idle.
      infer_gpu: { kind: "integer", min: 1, default: "1", fixed: true },
      ...trainPod,
      ...renderImage,
      ...anomalygenKnobs,
    },
    tasks: [
      render,
      augment("usd2roi-replicator", "augment"),
      { ...finetune("pcb"), only: "training" },
      infer(["task:image-edit", "task:usd2roi-replicator", "root:datasets/pcb/raw"]),
    ],
    ignored: { defect_modes: "Pose defects come from structural_defect_generation." },
  },
  {
    ...pcbOnly,
    id: "good_image_generation",
    title: "Clean crops of rendered boards",
    yaml: "assets/configs/good_image_generation.yaml",
    workflow_name: "good_image_gen",
    knobs: {
      ...baseKnobs("good_image_gen", "4h", "2h"),
      ...editKnobs,
      ...boardKnobs,
      ...cropKnobs,
      ...renderPod,
      ...augmentPod,
      ...renderImage,
    },
    tasks: [render, augment("usd2roi-replicator", "augment")],
    ignored: {
      usecase: "Good images are PCBA only.",
      num_sdg: "Good images are counted by crop_max_emit or render_patches.",
    },
  },
  {
    ...pcbOnly,
    id: "structural_defect_generation",
    title: "Pose defects (shift, tombstone, sideflip) on rendered boards",
    yaml: "assets/configs/structural_defect_generation.yaml",
    workflow_name: "structural_defect_gen",
    knobs: {
      ...baseKnobs("structural_defect_gen", "4h", "4h"),
      ...editKnobs,
      ...boardKnobs,
      ...structuralKnobs,
      ...renderPod,
      ...augmentPod,
    },
    tasks: [
      {
        group: "isaac-render-defect",
        task: "sdg-and-crop",
        image: "isaac_render_image",
        sized_by: "render",
        hf_token: false,
        inputs: ["root:datasets/pcb/assets"],
        output: "runs/<name>/structural_defect",
        cookbooks: ["pcb/<board>/pcba_target.yaml", "pcb/<board>/defect_image.yaml"],
      },
      augment("sdg-and-crop", "structural_defect_edited"),
    ],
    ignored: { crop_max_emit: noCropCap, usecase: "Structural defects are PCBA only.", num_sdg: noCropCap },
  },
  {
    ...pcbOnly,
    id: "texture_defect_generation_day1_real_alignment",
    title: "Day 1 texture defects on a real board photo",
    yaml: "assets/configs/texture_defect_generation_day1_real_alignment.yaml",
    workflow_name: "texture_defect_gen_day1_real_alignment",
    knobs: {
      ...baseKnobs("texture_defect_gen_day1_real_alignment", "20h", "2h"),
      ...usecaseKnob,
      ...inferKnobs(missingPair),
      ...boardKnobs,
      ...alignmentKnobs,
      ...renderPod,
      ...inferPod,
      ...trainPod,
      ...renderImage,
      ...anomalygenKnobs,
    },
    tasks: [
      {
        group: "usd2roi-render-day1",
        task: "usd2roi-day1",
        image: "usd2roi_image",
        sized_by: "render",
        hf_token: false,
        inputs: ["root:datasets/pcb/assets"],
        output: "runs/<name>/usd2roi-day1",
        cookbooks: ["pcb/<board>/usd2roi_nvpcb.yaml"],
      },
      { ...finetune("<usecase>"), only: "training" },
      infer(["task:usd2roi-day1", "root:datasets/<usecase>/raw"]),
    ],
    ignored: {
      crop_max_emit: "Narrow crop.classes in the board's usd2roi_nvpcb.yaml.",
      render_patches: "One photo is registered; size the output with num_sdg.",
      image_edit_endpoint: "Day 1 uses no image-edit endpoint.",
      image_edit_model: "Day 1 uses no image-edit endpoint.",
    },
  },
  {
    id: "texture_defect_generation_day1_manual_roi",
    title: "Day 1 texture defects on pre-captured images and masks",
    kind: "generation",
    usecases: ["metal_surface", "glass", "pcb"],
    custom_usecase: true,
    yaml: "assets/configs/texture_defect_generation_day1_manual_roi.yaml",
    workflow_name: "texture_defect_gen_day1_manual_roi",
    knobs: {
      ...baseKnobs("texture_defect_gen_day1_manual_roi", "20h", "2h"),
      ...usecaseKnob,
      ...inferKnobs(missingPair),
      ...inferPod,
      ...trainPod,
      ...anomalygenKnobs,
    },
    tasks: [{ ...finetune("<usecase>"), only: "training" }, infer(["root:datasets/<usecase>/raw"])],
    ignored: {
      crop_max_emit: "Size the output with num_sdg.",
      render_patches: "Nothing is rendered; size the output with num_sdg.",
      board: "Nothing is rendered; the images are those of the dataset.",
      image_edit_endpoint: "Day 1 uses no image-edit endpoint.",
      image_edit_model: "Day 1 uses no image-edit endpoint.",
    },
  },
  {
    id: "finetune",
    title: "Train an AnomalyGen checkpoint",
    kind: "generation",
    usecases: ["pcb", "metal_surface", "glass"],
    custom_usecase: true,
    yaml: "assets/configs/finetune.yaml",
    workflow_name: "finetune",
    knobs: { ...baseKnobs("finetune", "28h", "2h"), ...usecaseKnob, ...trainPod, ...anomalygenKnobs },
    tasks: [finetune("<usecase>")],
    ignored: {
      model_size: "Training is the 2b experiment.",
      anomaly_types_json: "Both anomaly_types lists stand in the use case's ag_config.yaml.",
      checkpoint_step: "Training writes its own steps.",
    },
  },
  ...setupFlows,
];

/** Every flow by id. */
export const flows = Object.fromEntries(flowList.map((flow) => [flow.id, flow])) as Readonly<Record<FlowId, Flow>>;
