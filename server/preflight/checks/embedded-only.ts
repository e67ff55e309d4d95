import type { Findings, Step } from "../survey.ts";

/** What containers need and the embedded engine has no use for, said aloud so that nobody thinks it was forgotten. */
const spared = [
  ["images_local", "Container images", "the embedded engine is part of this program"],
  ["gpus", "GPUs", "the embedded engine works on the CPU"],
  ["backbone", "Backbone", "the embedded engine has its own small model"],
] as const;

export const embeddedOnlyStep: Step = {
  id: "embedded",
  title: "Not needed here",
  async look(survey): Promise<Findings> {
    if (survey.platform !== "embedded") return {};
    return { checks: spared.map(([id, title, detail]) => ({ id, title, outcome: "not_applicable", detail })) };
  },
};
