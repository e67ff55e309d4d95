import { defined } from "../run/defined.ts";
import { type CountMeaning, meaningsOf } from "./counting.ts";
import { type Flow, type FlowId, flowIds } from "./flow.ts";
import { flows } from "./flow-table.ts";

/** The arguments of a call that a choice stands for. */
export type Chosen = {
  flow?: FlowId | undefined;
  usecase?: string | undefined;
  board?: string | undefined;
  count?: number | undefined;
  count_means?: CountMeaning | undefined;
  pool?: string | undefined;
  pair_with?: string | undefined;
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

/** Questions as facts of a refusal: what to ask, and for each answer the arguments that it stands for. */
export function questionFacts(questions: readonly ChoiceQuestion[]) {
  return questions.map(({ id, ask, options, free_text }) => ({
    id,
    ask,
    options: options.map(({ label, set }) => ({ label, set })),
    ...defined({ or: free_text }),
  }));
}

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
export const echo = (request: string | undefined, ask: string) => (request ? `"${request.slice(0, 80)}": ${ask}` : ask);

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

const countLabels: Readonly<Record<CountMeaning, (count: number) => string>> = {
  final_crops: (count) => `${count} final crops of each material and cell`,
  total_crops: (count) => `about ${count} final crops in all`,
  raw_patches: (count) => `${count} raw frames, each with several crops`,
  defects: (count) => `${count} texture defects in all`,
  structural_crops: (count) => `about ${count} pose-defect crops in all`,
};

/** What a number counts: every meaning that the flow has, or one of each flow while that is open. */
export function countQuestion(counts: readonly number[], request?: string, flow?: FlowId): ChoiceQuestion {
  const one = (id: FlowId, count: number, count_means: CountMeaning): ChoiceOption => ({
    label: countLabels[count_means](count),
    set: `${flow === undefined ? `flow=${id} ` : ""}count=${count} count_means=${count_means}`,
    args: { ...defined({ flow: flow === undefined ? id : undefined }), count, count_means },
  });
  const [first = 1, second] = counts;
  const meanings = flow === undefined ? [] : meaningsOf(flows[flow]).filter((means) => !isTwin(flows[flow], means));
  const options =
    flow === undefined
      ? [
          one(good, first, "total_crops"),
          one(good, first, "final_crops"),
          one(day0, first, "defects"),
          one(structural, first, "structural_crops"),
        ]
      : second === undefined
        ? meanings.map((means) => one(flow, first, means))
        : meanings.slice(0, 2).flatMap((means) => [one(flow, first, means), one(flow, second, means)]);
  const said = counts.length === 1 ? `the ${first}` : `${counts.join(", ")}`;
  return { id: "count", ask: echo(request, `what is ${said}?`), options: options.slice(0, 4) };
}

/** Structural crops are all that the run gives, so two of the meanings are one. */
const isTwin = (flow: Flow, means: CountMeaning) => flow.id === structural && means === "total_crops";

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

/** Whether a text names a flow. */
export function isFlowId(text: string): text is FlowId {
  return (flowIds as readonly string[]).includes(text);
}
