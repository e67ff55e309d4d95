import { type FlowId, flowIds } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { suggestedRoot } from "./knob-table.ts";
import type { CountMeaning } from "./settle.ts";
import { structuralYield } from "./sizing.ts";

/** The arguments of a call that a choice stands for. */
export type Chosen = {
  flow?: FlowId | undefined;
  usecase?: string | undefined;
  board?: string | undefined;
  count_means?: CountMeaning | undefined;
  pool?: string | undefined;
  knobs?: Record<string, string> | undefined;
};

export type ChoiceOption = {
  readonly label: string;
  /** What the choice sets, as `--set` pairs or arguments; empty for "stop here". */
  readonly set: string;
  readonly args?: Chosen;
};
/** One exclusive choice of two to four options; `free_text` takes an answer that no option lists. */
export type ChoiceQuestion = {
  readonly id: string;
  readonly ask: string;
  readonly options: readonly ChoiceOption[];
  readonly free_text?: string;
};

const flowOption = (
  id: FlowId,
  label: string,
  knobs: Record<string, string> = {},
  more: Chosen = {},
): ChoiceOption => ({
  label,
  set: [`flow=${id}`, ...Object.entries(knobs).map(([key, value]) => `${key}=${value}`)].join(" "),
  args: { ...more, flow: id, knobs },
});

const day0: FlowId = "texture_defect_generation_day0";
const good: FlowId = "good_image_generation";
const structural: FlowId = "structural_defect_generation";
const alignment: FlowId = "texture_defect_generation_day1_real_alignment";
const manual: FlowId = "texture_defect_generation_day1_manual_roi";

/** Echoes the user's words in front of a question. */
const echo = (request: string | undefined, ask: string) => (request ? `"${request.slice(0, 80)}": ${ask}` : ask);

export function pcbFlowQuestion(request?: string): ChoiceQuestion {
  return {
    id: "flow",
    ask: echo(request, "which images?"),
    options: [
      flowOption(day0, "Texture defects on a rendered board (Day 0)"),
      flowOption(good, "Clean images of a rendered board"),
      flowOption(structural, "Pose defects on a rendered board"),
      flowOption(alignment, "Texture defects on a real board photo (Day 1)"),
    ],
  };
}

export function mechanismQuestion(request?: string): ChoiceQuestion {
  const missing = '[["passive_component","missing"]]';
  return {
    id: "flow",
    ask: echo(request, "which kind of defect?"),
    options: [
      flowOption(day0, "Texture: bridge, excess solder, missing component"),
      flowOption(structural, "Pose: shift, tombstone, sideflip"),
      flowOption(day0, "Missing component only", { anomaly_types_json: missing }),
    ],
  };
}

export function countQuestion(count: number, request?: string, flow?: FlowId): ChoiceQuestion {
  const all: ChoiceOption[] = [
    flowOption(good, `${count} final clean crops a material and cell`, { crop_max_emit: String(count) }),
    flowOption(flow ?? good, `${count} raw patches, each with several crops`, { render_patches: String(count) }),
    flowOption(day0, `${count} texture defects in all`, { num_sdg: String(count) }),
    {
      label: `about ${count} pose-defect crops`,
      set: `flow=${structural} render_patches=ceil(${count}/30); measured ${structuralYield.map(([a, b]) => `${a}→${b}`).join(" ")}`,
      args: { flow: structural, count_means: "structural_crops" },
    },
  ];
  const crops = flowOption(flow ?? good, `${count} final crops a material and cell`, { crop_max_emit: String(count) });
  const options =
    flow === day0
      ? [all[2], crops, all[1]]
      : flow === good
        ? [crops, all[1]]
        : flow === structural
          ? [all[3], all[1]]
          : all;
  return { id: "count", ask: echo(request, `what are the ${count}?`), options: options.filter((o) => o !== undefined) };
}

export function smokeQuestion(request?: string): ChoiceQuestion {
  return {
    id: "flow",
    ask: echo(request, "how small a run?"),
    options: [
      flowOption(good, "About 5 clean images", { render_patches: "5", crop_max_emit: "1" }),
      flowOption(day0, "Whole texture flow with the shipped checkpoint (about 30 min)", {
        render_patches: "5",
        crop_max_emit: "1",
      }),
      flowOption("setup_pcb", "Setup only"),
    ],
  };
}

export function ownDataQuestion(request?: string): ChoiceQuestion {
  return {
    id: "flow",
    ask: echo(request, "what shape has your data?"),
    options: [
      flowOption(manual, "Prepared layout with defect_spec.jsonl"),
      flowOption(manual, "Flat upload of images and masks", { default_spatial_dependency: "free" }),
      flowOption(alignment, "Real photo of a shipped board"),
    ],
  };
}

export function finetuneQuestion(inference: FlowId, request?: string): ChoiceQuestion {
  return {
    id: "flow",
    ask: echo(request, "train where?"),
    options: [
      flowOption("finetune", "Train only"),
      flowOption(inference, "Train, then generate", { use_pretrained_checkpoint: "false" }),
      flowOption(inference, "Generate with an existing checkpoint", { use_pretrained_checkpoint: "true" }),
    ],
  };
}

/** Several flows are named: one submit runs one of them. */
export function whichFirstQuestion(ids: readonly FlowId[], request?: string): ChoiceQuestion {
  return {
    id: "flow",
    ask: echo(request, "one submit is one flow; which one now?"),
    options: ids.slice(0, 4).map((id) => flowOption(id, flows[id].title)),
  };
}

export function usecaseQuestion(usecases: readonly string[], request?: string): ChoiceQuestion {
  const names: Record<string, string> = { pcb: "PCBA", metal_surface: "Metal surface", glass: "Glass" };
  return {
    id: "usecase",
    ask: echo(request, "which use case?"),
    options: usecases.map((usecase) => ({
      label: names[usecase] ?? usecase,
      set: `usecase=${usecase}`,
      args: { usecase },
    })),
  };
}

export function boardQuestion(request?: string): ChoiceQuestion {
  const board = (name: string, label: string) => ({ label, set: `board=${name}`, args: { board: name } });
  return {
    id: "board",
    ask: echo(request, "which board?"),
    options: [board("0603_H100", "0603_H100 (capacitors)"), board("1152819000", "1152819000 (one IC)")],
    free_text: "a cookbook directory of your own in flows_dir",
  };
}

/** Storage root: the shared one is a suggestion that a human confirms; nothing is picked for them. */
export function rootQuestion(): ChoiceQuestion {
  return {
    id: "dig_url_root",
    ask: "Where shall models, data and runs be stored? 80 GB and more land there.",
    options: [
      { label: suggestedRoot, set: `dig_url_root=${suggestedRoot}`, args: { knobs: { dig_url_root: suggestedRoot } } },
      { label: "cancel", set: "" },
    ],
    free_text: "your own storage prefix, e.g. s3://bucket/dig",
  };
}

export function poolQuestion(pools: readonly string[]): ChoiceQuestion {
  return {
    id: "pool",
    ask: "Which OSMO pool?",
    options: pools.slice(0, 4).map((pool) => ({ label: pool, set: `--pool ${pool}`, args: { pool } })),
  };
}

export function templateQuestion(): ChoiceQuestion {
  return {
    id: "pod_template",
    ask: "The pod template cannot be read (403). Has an administrator mounted /usr/share/nvidia/nvoptix.bin and set /dev/shm to at least 16 GiB?",
    options: [
      { label: "yes, both", set: "preferences pod_template=user-confirmed" },
      { label: "no or unsure", set: "" },
    ],
  };
}

export function endpointQuestion(): ChoiceQuestion {
  return {
    id: "image_edit_endpoint",
    ask: "Which image-edit endpoint?",
    options: [
      { label: "in-cluster service (takes one GPU of the pool)", set: "default image_edit_endpoint", args: {} },
    ],
    free_text: "the URL of an existing one, ending in /v1",
  };
}

/** Whether a text names a flow. */
export function isFlowId(text: string): text is FlowId {
  return (flowIds as readonly string[]).includes(text);
}
