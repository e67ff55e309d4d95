import { canonicalJson } from "../../fs/hash.ts";
import { judge } from "../../kpi/metric-contract.ts";
import type { Gate } from "../../ports/gate.ts";

/** FAR is a share of few rows: two computations of it agree to the last digits or not at all. */
const tolerance_pct = 1e-6;

/**
 * Protects the contract from a claimed result: the verdict is recomputed from the value, and a FAR that an evaluator
 * claims must be the one that the committed inference.csv gives.
 */
export const metric: Gate = {
  name: "metric",
  codes: ["metric.bad-result"],
  judge({ metric: found }, { contract }) {
    if (found === undefined) return [];
    const { result, swept, inference_csv } = found;
    const refuse = (message: string, facts: object) =>
      ({ code: "metric.bad-result", message, facts: { inference_csv, ...facts }, acceptable: false }) as const;
    if (result.name !== contract.name || result.unit !== contract.unit) {
      return [refuse("The result is of another metric than the contract's.", { name: result.name, unit: result.unit })];
    }
    if (result.passed !== judge(contract, result).passed) {
      return [refuse("The result claims another verdict than its value gives.", { value: result.value })];
    }
    if (contract.name !== "far_pct") return [];
    if (Math.abs(result.value - swept.value) > tolerance_pct) {
      return [refuse("The claimed FAR is not that of the inference.", { claimed: result.value, swept: swept.value })];
    }
    if (result.counts === undefined || canonicalJson(result.counts) === canonicalJson(swept.counts)) return [];
    return [refuse("The parts were counted otherwise than they stand in the inference.", { claimed: result.counts })];
  },
};
