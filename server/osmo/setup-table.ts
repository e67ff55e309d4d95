import type { Flow, FlowTask } from "./flow.ts";
import { baseKnobs, glassKnobs, pretrainedKnobs, setupImage, setupPod } from "./knob-table.ts";

const download = (task: string, output: string, hfToken = true, inputs: FlowTask["inputs"] = []): FlowTask => ({
  group: `download-${task}`,
  task,
  image: "pretrained_image",
  sized_by: "cpu",
  hf_token: hfToken,
  inputs,
  output,
  cookbooks: [],
});

const setup = (id: Flow["id"], title: string, usecases: string[], knobs: Flow["knobs"], tasks: FlowTask[]): Flow => ({
  id,
  title,
  kind: "setup",
  yaml: `assets/configs/setup/${id}.yaml`,
  workflow_name: id,
  usecases,
  custom_usecase: false,
  knobs: { ...baseKnobs(id, "1h", "1h"), ...setupImage, ...knobs },
  tasks,
  ignored: { name: "Setup outputs have fixed places below the storage root." },
});

/** The workflows that fetch models, data and assets; their outputs are the artifacts that the others need. */
export const setupFlows: readonly Flow[] = [
  setup("setup_pretrained", "Fetch the shared pretrained tree (about 71 GB)", [], pretrainedKnobs, [
    { ...download("pretrained", "models/pretrained"), sized_by: "cpu_large" },
  ]),
  setup("setup_pcb", "Fetch model, data and scene assets for PCBA", ["pcb"], setupPod, [
    download("pcb-model", "models/pcb"),
    download("pcb-data", "datasets/pcb/raw"),
    download("pcb-assets", "datasets/pcb/assets"),
  ]),
  setup("setup_metal", "Fetch model and data for metal surface", ["metal_surface"], setupPod, [
    download("metal_surface-model", "models/metal_surface"),
    download("metal_surface-data", "datasets/metal_surface/raw", false),
  ]),
  setup("setup_glass", "Fetch model and data for glass", ["glass"], { ...setupPod, ...glassKnobs }, [
    download("glass-model", "models/glass"),
    download("glass-data", "datasets/glass/raw", true, ["knob:uc3_zip_url_root"]),
  ]),
];

/** The setup flow that writes an artifact, or undefined when none does (a use case of the user's own). */
export function setupFor(artifact: string): Flow["id"] | undefined {
  return setupFlows.find((flow) => flow.tasks.some((task) => task.output === artifact))?.id;
}
