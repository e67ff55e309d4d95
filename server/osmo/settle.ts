import { Refusal } from "../errors.ts";
import { sizedFor } from "../exec/osmo/sizes.ts";
import { parseJson } from "../fs/json.ts";
import { type Flow, type KnobValues, passesThrough } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { checkKnob } from "./knobs.ts";
import { structuralPatches } from "./sizing.ts";
import { boards, defaultBoard, defectModes, pairsJson, usecases } from "./usecases.ts";

export const countMeanings = ["final_crops", "raw_patches", "defects", "structural_crops"] as const;
export type CountMeaning = (typeof countMeanings)[number];

/** What was decided before the knobs are settled. */
export type Wanted = {
  readonly flow: Flow;
  readonly usecase?: string | undefined;
  readonly board?: string | undefined;
  readonly count?: number | undefined;
  readonly count_means?: CountMeaning | undefined;
  readonly knobs: Readonly<Record<string, unknown>>;
  /** Values remembered from earlier submits; a wanted value beats them. */
  readonly remembered?: Readonly<{ dig_url_root?: string | undefined; image_edit_endpoint?: string | undefined }>;
};

/** A request with every knob that goes to OSMO; `values` overlays them on the flow's defaults. */
export type Settled = {
  readonly flow: Flow;
  readonly usecase: string | undefined;
  readonly set: KnobValues;
  readonly values: KnobValues;
  readonly notes: readonly string[];
};

/** Turns a decided request into knob values, each rule of the flows applied once. @throws Refusal `osmo.*`. */
export function settle(wanted: Wanted): Settled {
  const { flow } = wanted;
  const set: Record<string, string> = {};
  const notes: string[] = [];
  for (const [key, raw] of Object.entries(wanted.knobs)) set[key] = checkKnob(flow, key, raw);
  const usecase = settleUsecase(wanted, set);
  settleBoard(wanted, set, notes);
  settleCount(wanted, set, notes);
  settleTaxonomy(flow, usecase, set, notes);
  settlePods(flow, set);
  recall(wanted, set);
  if (flow.knobs.image_edit_model) set.image_edit_model ??= String(flow.knobs.image_edit_model.default);
  if (flow.id === "setup_glass") requireZip(set);
  const values = { ...defaultsOf(flow), ...set };
  noteTraps(flow, usecase, values, notes);
  return { flow, usecase, set, values, notes };
}

/** The flow's defaults; a knob without one is absent. */
export function defaultsOf(flow: Flow): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flow.knobs).flatMap(([key, knob]) => (knob.default === null ? [] : [[key, knob.default]])),
  );
}

function settleUsecase(wanted: Wanted, set: Record<string, string>): string | undefined {
  const { flow } = wanted;
  // The pretrained tree serves every use case, so one that was mentioned is no contradiction.
  if (flow.usecases.length === 0) return undefined;
  const named = wanted.usecase ?? set.usecase;
  const usecase = named ?? (flow.usecases.length === 1 ? flow.usecases[0] : undefined);
  if (usecase === undefined) return undefined;
  if (!flow.usecases.includes(usecase) && !(flow.custom_usecase && !Object.hasOwn(usecases, usecase))) {
    const viable = Object.values(flows).filter((other) => other.kind === flow.kind && other.usecases.includes(usecase));
    throw new Refusal("osmo.illegal-pair", `${flow.id} does not serve use case ${usecase}.`, {
      flow: flow.id,
      usecase,
      usecases: flow.usecases,
      flows: viable.map((other) => other.id),
    });
  }
  if (flow.knobs.usecase?.default != null) set.usecase = checkKnob(flow, "usecase", usecase);
  else if (flow.knobs.usecase && set.use_pretrained_checkpoint === "false") set.usecase = usecase;
  else delete set.usecase;
  return usecase;
}

function settleBoard(wanted: Wanted, set: Record<string, string>, notes: string[]): void {
  const { flow } = wanted;
  if (!flow.knobs.board) {
    if (wanted.board !== undefined) checkKnob(flow, "board", wanted.board);
    return;
  }
  set.board ??= checkKnob(flow, "board", wanted.board ?? defaultBoard);
  const shipped = boards[set.board];
  if (!shipped) notes.push(`Board ${set.board} is not shipped: its cookbook directory must be in flows_dir.`);
  if (flow.knobs.real_image_filename && set.real_image_filename === undefined) {
    if (!shipped) {
      throw new Refusal("osmo.bad-knob", `Board ${set.board} needs real_image_filename, its photo.`, {
        knob: "real_image_filename",
        form: "a path below datasets/pcb/assets",
      });
    }
    set.real_image_filename = shipped.photo;
  }
}

function settleCount(wanted: Wanted, set: Record<string, string>, notes: string[]): void {
  const { flow, count, count_means: means } = wanted;
  if (flow.id === "structural_defect_generation" && set.board === "1152819000" && means !== "raw_patches") {
    set.render_patches ??= "-1";
    if (count !== undefined) notes.push("Board 1152819000 has one IC a cell: every cell is rendered, count unused.");
    return;
  }
  if (count === undefined || means === undefined) return;
  const put = (key: string, value: number) => {
    const text = checkKnob(flow, key, value);
    if (set[key] !== undefined && set[key] !== text) {
      throw new Refusal("osmo.bad-knob", `count and knob ${key} disagree.`, { knob: key, count, value: set[key] });
    }
    set[key] = text;
  };
  if (means === "final_crops") {
    put("crop_max_emit", count);
    notes.push(`crop_max_emit=${count} caps the crops of each material and cell, not of the whole run.`);
  } else if (means === "raw_patches") put("render_patches", count);
  else if (means === "defects") put("num_sdg", count);
  else {
    const modes = set.defect_modes === undefined || set.defect_modes === "all" ? undefined : set.defect_modes;
    const sized = structuralPatches(count, modes ? modes.split(",").length : defectModes.length);
    put("render_patches", sized.patches);
    notes.push(sized.note);
  }
}

function settleTaxonomy(flow: Flow, usecase: string | undefined, set: Record<string, string>, notes: string[]): void {
  if (!flow.knobs.anomaly_types_json || usecase === undefined) return;
  const shipped = usecases[usecase];
  if (!shipped) {
    const missing = ["checkpoint_step", "anomaly_types_json"].filter((knob) => set[knob] === undefined);
    if (missing.length > 0) {
      throw new Refusal("osmo.bad-knob", `Use case ${usecase} is your own: its defaults would be PCBA's.`, {
        knob: missing[0],
        form: "checkpoint_step and anomaly_types_json, both given",
      });
    }
    return;
  }
  if (usecase !== "pcb") {
    set.checkpoint_step ??= shipped.checkpoint_step;
    set.anomaly_types_json ??= pairsJson(shipped.pairs);
  }
  const pairs = parseJson(set.anomaly_types_json ?? "[]") as [string, string][];
  const unknown = pairs.filter(([m, d]) => !shipped.pairs.some(([material, defect]) => material === m && defect === d));
  if (unknown.length > 0) {
    throw new Refusal("osmo.bad-knob", `The ${usecase} checkpoint does not know ${JSON.stringify(unknown)}.`, {
      knob: "anomaly_types_json",
      form: "a subset of the shipped pairs; a retrained checkpoint is a use case of its own",
      pairs: shipped.pairs,
    });
  }
  if (flow.id === "texture_defect_generation_day0" && set.board === defaultBoard) {
    const ic = pairs.length === 0 || pairs.some(([material]) => material === "IC");
    if (ic) notes.push("Board 0603_H100 yields passive_component crops only; IC pairs need board 1152819000.");
  }
}

function settlePods(flow: Flow, set: Record<string, string>): void {
  for (const pod of ["train", "infer"] as const) {
    const gpus = set[`${pod}_gpu`];
    if (gpus === undefined || gpus === "1" || !flow.knobs[`${pod}_gpu`]) continue;
    const sized = sizedFor(pod, Number(gpus));
    set[`${pod}_cpu`] ??= sized.cpu;
    set[`${pod}_memory`] ??= sized.memory;
  }
  if (set.pretrained_model_sizes?.includes("14B")) set.storage_large ??= "300Gi";
}

function recall(wanted: Wanted, set: Record<string, string>): void {
  const { flow, remembered } = wanted;
  if (remembered?.dig_url_root) set.dig_url_root ??= remembered.dig_url_root;
  if (flow.knobs.image_edit_endpoint && remembered?.image_edit_endpoint) {
    set.image_edit_endpoint ??= remembered.image_edit_endpoint;
  }
}

function requireZip(set: Record<string, string>): void {
  if (set.uc3_zip_url_root) return;
  throw new Refusal("osmo.bad-knob", "Glass setup needs uc3_zip_url_root, the prefix that holds mobile_screen.zip.", {
    knob: "uc3_zip_url_root",
    form: "export the Roboflow Mobile-Screen set as COCO, rename the zip mobile_screen.zip, upload it to a prefix",
  });
}

function noteTraps(flow: Flow, usecase: string | undefined, values: KnobValues, notes: string[]): void {
  if (values.render_patches === "1") notes.push("A single frame may show an empty cell and fail; 3 is a safe minimum.");
  if (flow.id === "texture_defect_generation_day1_manual_roi" && values.default_spatial_dependency === "cad") {
    notes.push("An upload without its own defect_spec.jsonl has no CAD masks: set default_spatial_dependency=free.");
  }
  if (values.model_size === "14b") notes.push("model_size=14b needs a 14b checkpoint and setup_pretrained with 14B.");
  if (flow.tasks.some((task) => task.only === "training") && !passesThrough(values)) {
    notes.push(`Training ${usecase} runs beside the other groups and takes a GPU of its own.`);
  }
  if (flow.kind === "setup") notes.push("The outputs have fixed places: a second submit writes over them.");
}
