import { Refusal } from "../errors.ts";
import { sizedFor } from "../exec/osmo/sizes.ts";
import { type CountMeaning, disagree, settleCount } from "./counting.ts";
import { type Flow, type KnobValues, passesThrough } from "./flow.ts";
import { flows } from "./flow-table.ts";
import { checkKnob } from "./knobs.ts";
import { boardNamed, type KnownNames, usecaseNamed } from "./names.ts";
import { settleTaxonomy } from "./taxonomy.ts";
import { boards, defaultBoard, usecases } from "./usecases.ts";

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
  /** Boards and use cases that have cookbooks; the shipped ones when left out. */
  readonly names?: KnownNames | undefined;
};

/** A request with every knob that goes to OSMO; `values` overlays them on the flow's defaults. */
export type Settled = {
  readonly flow: Flow;
  readonly usecase: string | undefined;
  readonly set: KnobValues;
  readonly values: KnobValues;
  /** The quantity that was asked for, as it was asked for. */
  readonly asked?: { readonly count: number; readonly means: CountMeaning };
  readonly notes: readonly string[];
};

const shippedNames: KnownNames = { boards: Object.keys(boards), usecases: Object.keys(usecases) };

/** Turns a decided request into knob values, each rule of the flows applied once. @throws Refusal `osmo.*`. */
export function settle(wanted: Wanted): Settled {
  const { flow, count, count_means: means } = wanted;
  const names = wanted.names ?? shippedNames;
  const set: Record<string, string> = {};
  const notes: string[] = [];
  for (const [key, raw] of Object.entries(wanted.knobs)) {
    const known = key === "board" && flow.knobs.board ? boardNamed(String(raw), names) : raw;
    set[key] = checkKnob(flow, key, known);
  }
  const usecase = settleUsecase(wanted, names, set);
  settleBoard(wanted, names, set);
  if (count !== undefined && means !== undefined) settleCount(flow, count, means, set, notes);
  // Its one IC lies in few cells, so a few frames would show none.
  if (flow.id === "structural_defect_generation" && set.board === "1152819000") set.render_patches ??= "-1";
  settleTaxonomy(flow, usecase, set, notes);
  settlePods(flow, set);
  recall(wanted, set);
  if (flow.knobs.image_edit_model) set.image_edit_model ??= String(flow.knobs.image_edit_model.default);
  if (flow.id === "setup_glass") requireZip(set);
  const values = { ...defaultsOf(flow), ...set };
  noteTraps(flow, usecase, values, notes);
  const asked = count !== undefined && means !== undefined ? { asked: { count, means } } : {};
  return { flow, usecase, set, values, ...asked, notes };
}

/** The flow's defaults; a knob without one is absent. */
export function defaultsOf(flow: Flow): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flow.knobs).flatMap(([key, knob]) => (knob.default === null ? [] : [[key, knob.default]])),
  );
}

function settleUsecase(wanted: Wanted, names: KnownNames, set: Record<string, string>): string | undefined {
  const { flow } = wanted;
  // The pretrained tree serves every use case, so one that was mentioned is no contradiction.
  if (flow.usecases.length === 0) return undefined;
  const argument = wanted.usecase === undefined ? "knobs.usecase" : "usecase";
  const named = wanted.usecase ?? set.usecase ?? (flow.usecases.length === 1 ? flow.usecases[0] : undefined);
  if (named === undefined) return undefined;
  // Only an inference with a checkpoint of one's own needs no cookbook; it says its step and pairs instead.
  const ownModel = !trains(flow, set) && set.checkpoint_step !== undefined && set.anomaly_types_json !== undefined;
  const usecase = usecaseNamed(named, flow, names, ownModel);
  if (!flow.usecases.includes(usecase) && !(flow.custom_usecase && !Object.hasOwn(usecases, usecase))) {
    const viable = Object.values(flows).filter((other) => other.kind === flow.kind && other.usecases.includes(usecase));
    throw new Refusal("osmo.illegal-pair", `${flow.id} does not serve use case ${usecase}.`, {
      flow: flow.id,
      argument,
      usecase,
      usecases: flow.usecases,
      flows: viable.map((other) => other.id),
    });
  }
  if (flow.knobs.usecase?.default != null) set.usecase = checkKnob(flow, "usecase", usecase, argument);
  else if (flow.knobs.usecase && trains(flow, set)) set.usecase = usecase;
  else delete set.usecase;
  return usecase;
}

const trains = (flow: Flow, set: KnobValues) => flow.id === "finetune" || set.use_pretrained_checkpoint === "false";

function settleBoard(wanted: Wanted, names: KnownNames, set: Record<string, string>): void {
  const { flow } = wanted;
  if (!flow.knobs.board) {
    if (wanted.board !== undefined) checkKnob(flow, "board", wanted.board, "board");
    return;
  }
  const named = wanted.board === undefined ? undefined : boardNamed(wanted.board, names);
  if (named !== undefined && set.board !== undefined && set.board !== named) {
    throw disagree("board", named, "knobs.board", set.board);
  }
  set.board ??= named ?? defaultBoard;
  if (!flow.knobs.real_image_filename || set.real_image_filename !== undefined) return;
  const photo = boards[set.board]?.photo;
  if (photo === undefined) {
    throw new Refusal("osmo.bad-knob", `Board ${set.board} has no shipped photo.`, {
      argument: "knobs.real_image_filename",
      ...ownPhoto(set.dig_url_root ?? wanted.remembered?.dig_url_root),
    });
  }
  set.real_image_filename = photo;
}

/** How a photo of the user's own gets to where the flow reads it. */
export function ownPhoto(root = "<dig_url_root>") {
  return {
    form: "input_real_image/FILE, a photo below datasets/pcb/assets",
    upload: `osmo data upload ${root}/datasets/pcb/assets/input_real_image FILE`,
    pass: "knobs.real_image_filename=input_real_image/FILE, with the board that the photo shows",
  };
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
    argument: "knobs.uc3_zip_url_root",
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
