import { isAirgapped, resolveParameters } from "../parameters.ts";
import type { Findings, Step } from "../survey.ts";

/** Settles every parameter as soon as the spec and the platform are known; later steps size their checks by them. */
export const settingsStep: Step = {
  id: "settings",
  title: "Settings",
  async look(survey): Promise<Findings> {
    const { request, contract, platform, planned, deps } = survey;
    const airgapped = isAirgapped(deps);
    const trains_on = survey.executor?.trains_on;
    const ground = { request, spec: survey.spec?.content, contract, platform, planned, airgapped, trains_on };
    return { found: { parameters: resolveParameters(ground) } };
  },
};
