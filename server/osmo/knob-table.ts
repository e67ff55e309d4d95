import { defined } from "../run/defined.ts";
import type { Knob } from "./flow.ts";

/** The one image-edit model: a generic one lowers the quality without any sign. */
export const imageEditModel = "nvidia/Qwen-Image-Edit-NVPCB-OVSL2SL";
export const inClusterEndpoint = "http://qwen-image-edit-nvpcb-ovsl2sl.osmo-nims.svc.cluster.local:8000/v1";
/** Offered as a suggestion to confirm, never assumed. */
export const suggestedRoot = "s3://osmo-workflows/dig";

export const anomalygenImage = "nvcr.io/nvidia/paidf-anomalygen:1.0.0";
const simulationImage = "nvcr.io/nvidia/paidf-simulation:1.0.0";
const augmentationImage = "nvcr.io/nvidia/paidf-augmentation:1.0.0";

type Knobs = Readonly<Record<string, Knob>>;

const image = (name: string): Knob => ({ kind: "image", default: name });

export function baseKnobs(workflowName: string, execTimeout: string, queueTimeout: string): Knobs {
  return {
    workflow_name: { kind: "name", default: workflowName },
    exec_timeout: { kind: "duration", default: execTimeout },
    queue_timeout: { kind: "duration", default: queueTimeout },
    dig_url_root: { kind: "storage-url", default: suggestedRoot },
    platform: { kind: "name", default: "default" },
  };
}

function resources(prefix: string, cpu: string, memory: string, storage: string, fixedGpu: boolean): Knobs {
  return {
    [`${prefix}_gpu`]: {
      kind: "integer",
      min: 1,
      default: "1",
      ...defined({ fixed: fixedGpu ? (true as const) : undefined }),
    },
    [`${prefix}_cpu`]: { kind: "integer", min: 1, default: cpu },
    [`${prefix}_memory`]: { kind: "quantity", default: memory },
    [`${prefix}_storage`]: { kind: "quantity", default: storage },
  };
}

export const renderPod = resources("render", "4", "32Gi", "50Gi", true);
export const augmentPod = resources("augment", "1", "32Gi", "25Gi", true);
export const inferPod = resources("infer", "4", "64Gi", "200Gi", false);
export const trainPod = resources("train", "16", "64Gi", "300Gi", false);

export const editKnobs: Knobs = {
  image_edit_endpoint: { kind: "http-url", default: inClusterEndpoint },
  image_edit_model: { kind: "choice", of: [imageEditModel], default: imageEditModel, fixed: true },
  augmentation_image: image(augmentationImage),
};

export const boardKnobs: Knobs = {
  board: { kind: "name", default: "0603_H100" },
  scene_filename: { kind: "path", default: "spark_lighting.usd" },
};

export const cropKnobs: Knobs = {
  render_patches: { kind: "patches", default: "-1" },
  crop_max_emit: { kind: "crop-cap", default: "" },
};

export const structuralKnobs: Knobs = {
  render_patches: { kind: "patches", default: "5" },
  defect_modes: { kind: "modes", default: "all" },
  crop_offset: { kind: "integer", min: 0, default: "10" },
  isaac_render_image: image(simulationImage),
};

export const renderImage: Knobs = { usd2roi_image: image(simulationImage) };
export const anomalygenKnobs: Knobs = { anomalygen_image: image(anomalygenImage) };

export function inferKnobs(anomalyTypes: string): Knobs {
  return {
    use_pretrained_checkpoint: { kind: "boolean", default: "true" },
    checkpoint_step: { kind: "integer", min: 1, default: "14000" },
    anomaly_types_json: { kind: "pairs", default: anomalyTypes },
    num_sdg: { kind: "integer", min: 1, default: "30" },
    // `text` needs a prompt for which the workflows have no knob.
    default_spatial_dependency: { kind: "choice", of: ["cad", "free"], default: "cad" },
    model_size: { kind: "choice", of: ["2b", "14b"], default: "2b" },
  };
}

/** Day 0's file has no such default although its vendor script reads one when training. */
export const day0Usecase: Knobs = { usecase: { kind: "choice", of: ["pcb"], default: null } };
export const usecaseKnob: Knobs = { usecase: { kind: "name", default: "pcb" } };

export const alignmentKnobs: Knobs = {
  real_image_filename: { kind: "path", default: "input_real_image/0603_H100.jpg" },
  use_usd2roi_day1: { kind: "boolean", default: "true", fixed: true },
};

export const setupImage: Knobs = { pretrained_image: image(anomalygenImage) };
export const setupPod: Knobs = {
  cpu: { kind: "integer", min: 1, default: "1" },
  memory: { kind: "quantity", default: "2Gi" },
  storage: { kind: "quantity", default: "10Gi" },
};
export const glassKnobs: Knobs = { uc3_zip_url_root: { kind: "storage-url", default: "" } };
export const pretrainedKnobs: Knobs = {
  pretrained_model_sizes: { kind: "sizes", default: "2B" },
  cpu_large: { kind: "integer", min: 1, default: "1" },
  memory_large: { kind: "quantity", default: "16Gi" },
  storage_large: { kind: "quantity", default: "220Gi" },
};
