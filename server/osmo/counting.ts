import { Refusal } from "../errors.ts";
import type { Flow } from "./flow.ts";
import { checkKnob } from "./knobs.ts";
import { gridCells, structuralCrops, structuralPatches, structuralYield, totalCrops } from "./sizing.ts";
import { modesOf } from "./taxonomy.ts";
import { defaultBoard } from "./usecases.ts";

export const countMeanings = ["final_crops", "total_crops", "raw_patches", "defects", "structural_crops"] as const;
export type CountMeaning = (typeof countMeanings)[number];

/** What a count can mean in a flow, by the knob that carries it. */
export function meaningsOf(flow: Flow): CountMeaning[] {
  if (flow.id === "structural_defect_generation") return ["structural_crops", "total_crops", "raw_patches"];
  const cropped: CountMeaning[] = flow.knobs.crop_max_emit ? ["final_crops", "raw_patches"] : [];
  if (flow.knobs.num_sdg) return ["defects", ...cropped];
  return flow.knobs.crop_max_emit ? ["total_crops", ...cropped] : [];
}

/** Sets the knobs that a count stands for and notes what to expect. @throws Refusal `osmo.bad-knob`. */
export function settleCount(
  flow: Flow,
  count: number,
  means: CountMeaning,
  set: Record<string, string>,
  notes: string[],
): void {
  if (!meaningsOf(flow).includes(means)) {
    throw new Refusal("osmo.bad-knob", `${flow.id} cannot count ${means}.`, {
      argument: "count_means",
      value: means,
      form: meaningsOf(flow).join(", ") || "no count: the flow has no size",
    });
  }
  if (count < 1) {
    throw new Refusal("osmo.bad-knob", `A count of ${count} makes nothing.`, {
      argument: "count",
      value: count,
      form: "a whole number from 1",
    });
  }
  const put = (key: string, value: number) => {
    const text = checkKnob(flow, key, value, "count");
    if (set[key] !== undefined && set[key] !== text) throw disagree("count", count, `knobs.${key}`, set[key]);
    set[key] = text;
  };
  if (means === "defects") put("num_sdg", count);
  else if (means === "raw_patches") put("render_patches", count);
  else if (means === "final_crops") {
    put("crop_max_emit", count);
    notes.push(`crop_max_emit=${count} caps the crops of each material and cell, not of the whole run.`);
  } else if (flow.id === "structural_defect_generation") sizeStructural(count, set, notes, put);
  else {
    const { render_patches, crop_max_emit, most } = totalCrops(count);
    put("render_patches", render_patches);
    put("crop_max_emit", crop_max_emit);
    notes.push(
      `${count} crops in all: ${render_patches} frames of at most ${crop_max_emit} give at most ${most}; frames with fewer parts give fewer.`,
    );
  }
}

/** Chooses frames so that the measured yield reaches the count, and says what to expect. */
function sizeStructural(
  count: number,
  set: Record<string, string>,
  notes: string[],
  put: (key: string, value: number) => void,
): void {
  if (set.board === "1152819000") {
    put("render_patches", -1);
    notes.push(`Board 1152819000 has one IC: every cell is rendered, and ${count} cannot be promised.`);
    return;
  }
  const modes = modesOf(set).length;
  const sized = structuralPatches(count, modes);
  if (sized === undefined) {
    const { low, high } = structuralCrops(-1, modes);
    throw new Refusal("osmo.bad-knob", `One run cannot give ${count} crops of ${modes} mode(s).`, {
      argument: "count",
      value: count,
      form: `at most ${high}: all ${gridCells} cells give ${low} to ${high}; several runs, or more modes, give more`,
    });
  }
  put("render_patches", sized.patches);
  const { low, high } = sized.range;
  const table = structuralYield.map(([frames, yielded]) => `${frames}→${yielded}`).join(", ");
  notes.push(
    `render_patches=${sized.patches} gives ${low} to ${high} crops with ${modes} of 3 modes: measured on 0603_H100 with 3 modes ${table}; the published rule ceil(N/30) is the upper end. ${set.board === defaultBoard ? "" : "Other boards: calibrate with a small run."}`.trim(),
  );
}

/** The refusal of two arguments that say different things. */
export function disagree(one: string, value: string | number, other: string, held: string): Refusal {
  return new Refusal("osmo.bad-knob", `${one}=${value} and ${other}=${held} disagree.`, {
    argument: one,
    value: String(value),
    other,
    held,
    form: "one of the two",
  });
}
