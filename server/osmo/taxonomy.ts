import { Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { type Flow, type KnobValues, passesThrough } from "./flow.ts";
import { unknownName } from "./names.ts";
import { boards, defectModes, pairsJson, usecases } from "./usecases.ts";

/** The pose defects that these values make; `all` on the one-IC board is shift alone. */
export function modesOf(values: KnobValues): string[] {
  const named = values.defect_modes ?? "all";
  return named === "all" ? [...(boards[values.board ?? ""]?.modes ?? defectModes)] : named.split(",");
}

export type Pair = readonly [material: string, defect: string];

/** The material and defect pairs that these values make. */
export function pairsOf(values: KnobValues): Pair[] {
  return parseJson(values.anomaly_types_json ?? "[]") as Pair[];
}

/**
 * Fills step and pairs of the use case's checkpoint and checks those that are given.
 *
 * @throws Refusal `osmo.unknown-name`, `osmo.bad-knob`.
 */
export function settleTaxonomy(
  flow: Flow,
  usecase: string | undefined,
  set: Record<string, string>,
  notes: string[],
): void {
  if (!flow.knobs.anomaly_types_json || usecase === undefined) return;
  const shipped = usecases[usecase];
  if (!shipped) {
    const absent = ["checkpoint_step", "anomaly_types_json"].find((knob) => set[knob] === undefined);
    if (absent === undefined) return;
    throw new Refusal("osmo.bad-knob", `Use case ${usecase} is your own: it has no step and pairs to fall back on.`, {
      argument: "usecase",
      value: usecase,
      form: "checkpoint_step and anomaly_types_json, both given",
    });
  }
  if (usecase !== "pcb") {
    set.checkpoint_step ??= shipped.checkpoint_step;
    set.anomaly_types_json ??= pairsJson(shipped.pairs);
  }
  const knows = ([m, d]: Pair) => shipped.pairs.some(([material, defect]) => material === m && defect === d);
  const unknown = pairsOf(set).filter((pair) => !knows(pair));
  if (unknown.length > 0) {
    throw unknownName("knobs.anomaly_types_json", JSON.stringify(unknown), shipped.pairs.map(String), {
      usecase,
      pairs: shipped.pairs,
      own: "other defects need a checkpoint of their own: flow finetune, and a use case of its own",
    });
  }
  if (passesThrough(set) && set.checkpoint_step !== undefined && set.checkpoint_step !== shipped.checkpoint_step) {
    notes.push(
      `checkpoint_step=${set.checkpoint_step} is not the shipped ${shipped.checkpoint_step}: models/${usecase} must hold that iteration.`,
    );
  }
  checkMaterial(flow, set, notes);
}

/** A board shows parts of one material; pairs of others alone would make nothing. */
function checkMaterial(flow: Flow, set: Record<string, string>, notes: string[]): void {
  const shown = boards[set.board ?? ""]?.material;
  if (shown === undefined) return;
  const standing = pairsOf({ anomaly_types_json: flow.knobs.anomaly_types_json?.default ?? "[]" });
  if (set.anomaly_types_json === undefined && !standing.some(([material]) => material === shown)) {
    set.anomaly_types_json = pairsJson((usecases.pcb?.pairs ?? []).filter(([material]) => material === shown));
    notes.push(`Board ${set.board} shows ${shown} only, so anomaly_types_json=${set.anomaly_types_json}.`);
    return;
  }
  const pairs = set.anomaly_types_json === undefined ? standing : pairsOf(set);
  const other = pairs.filter(([material]) => material !== shown);
  if (other.length === 0) return;
  const better = Object.keys(boards).find((board) => boards[board]?.material === other[0]?.[0]);
  if (other.length === pairs.length) {
    throw new Refusal(
      "osmo.bad-knob",
      `Board ${set.board} shows ${shown} only: ${JSON.stringify(pairs)} makes nothing.`,
      {
        argument: "board",
        value: set.board,
        form: better ?? "a board that shows the material",
      },
    );
  }
  notes.push(`Board ${set.board} yields ${shown} crops only; ${other[0]?.[0]} pairs need board ${better}.`);
}
