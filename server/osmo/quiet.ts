import type { FlowId } from "./flow.ts";

/** A quiet spell that is no failure, by task. Minutes are those of a cold pod. */
const quietWindows: Readonly<Record<string, { readonly minutes: number; readonly why: string }>> = {
  "usd2roi-replicator": { minutes: 10, why: "Kit warms up and the scan says nothing between cells" },
  "sdg-and-crop": { minutes: 10, why: "Isaac warms up for 7-10 minutes with many harmless warnings" },
  "usd2roi-day1": { minutes: 7, why: "Kit boots cold for 5-7 minutes" },
  "image-edit": { minutes: 15, why: "images wait in the endpoint's queue" },
  finetune: { minutes: 20, why: "nothing is logged before the first step" },
  "infer-all-defects": { minutes: 15, why: "the checkpoint loads and masks are prepared first" },
};

export function quietWindow(task: string): { minutes: number; why: string } | undefined {
  return quietWindows[task];
}

/** Seconds until a look is worth it: short while pods start, long while they work; undefined once it is over. */
export function nextLookSec(state: "new" | "waiting" | "running" | "terminal", flow?: FlowId): number | undefined {
  if (state === "terminal") return undefined;
  if (state === "new" || state === "waiting") return 300;
  return flow === "finetune" || flow === "texture_defect_generation_day0" ? 900 : 600;
}
