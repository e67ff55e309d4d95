import type { Findings, Step } from "../survey.ts";

const head = { id: "credentials", title: "Credentials" };

/** Secrets by presence alone, and only where something still has to be fetched. Their values are never looked at. */
export const credentialsStep: Step = {
  ...head,
  async look(survey): Promise<Findings> {
    if (survey.platform === undefined) return {};
    if (survey.platform === "embedded" || survey.fetches.length === 0) {
      return { checks: [{ ...head, outcome: "not_applicable", detail: "nothing has to be fetched" }] };
    }
    if (survey.deps.env.HF_TOKEN) {
      return { checks: [{ ...head, outcome: "ok", detail: "HF_TOKEN is set" }] };
    }
    return {
      checks: [
        {
          ...head,
          outcome: "halt",
          code: "executor.unavailable",
          detail: `HF_TOKEN is not set; needed to fetch ${survey.fetches.join(", ")}`,
          fix: "Set HF_TOKEN in the server's environment, or stage the assets yourself.",
        },
      ],
    };
  },
};
