import type { Gate, Verdict } from "../../ports/gate.ts";
import type { GateFacts } from "../../ports/stage.ts";

type Inference = NonNullable<GateFacts["inferences"]>[number];

/**
 * Protects the figure from being measured on other rows than the KPI set's: every inference.csv covers the KPI CSV row
 * for row, and is none of an earlier checkpoint. Not even a human may accept a shorter one: FAR would mean nothing.
 */
export const inferenceCoverage: Gate = {
  name: "inference coverage",
  codes: ["gate.silent-drop", "stage.evidence-missing"],
  judge: ({ inferences }) => (inferences ?? []).flatMap(faultsOf),
};

function faultsOf({ csv, kpi_rows, inference_rows, difference, same_as }: Inference): Verdict[] {
  const refuse = (code: Verdict["code"], message: string, facts: object): Verdict[] => [
    { code, message, facts: { path: csv, ...facts }, acceptable: false },
  ];
  if (kpi_rows !== inference_rows) {
    const message = "The inference does not have as many rows as the KPI set.";
    return refuse("gate.silent-drop", message, { expected: kpi_rows, actual: inference_rows });
  }
  if (difference !== undefined) {
    return refuse("stage.evidence-missing", "The inference has other rows than the KPI set.", difference);
  }
  if (same_as === undefined) return [];
  return refuse("stage.evidence-missing", "The inference is a copy of an earlier one.", { same_as });
}
