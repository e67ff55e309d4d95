import { isAirgapped } from "../parameters.ts";
import type { Findings, Step } from "../survey.ts";

const head = { id: "network_mode", title: "Network mode" };

/** Whether anything may be fetched at all; decided before anything else looks at what is missing. */
export const networkModeStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    const { platform, deps } = survey;
    if (platform === undefined) return {};
    if (platform === "embedded") {
      return { checks: [{ ...head, outcome: "not_applicable", detail: "the embedded engine fetches nothing" }] };
    }
    const detail = isAirgapped(deps) ? "airgap (AIR_GAPPED=1)" : "network-enabled (default)";
    return { checks: [{ ...head, outcome: "ok", detail }] };
  },
};
