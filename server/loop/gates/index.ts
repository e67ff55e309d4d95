import { Refusal } from "../../errors.ts";
import type { Gate } from "../../ports/gate.ts";
import type { GateFacts, StageContext } from "../../ports/stage.ts";
import type { StageName } from "../../run/labels.ts";
import { allocation } from "./allocation.ts";
import { emptyRouting } from "./empty-routing.ts";
import { inferenceCoverage } from "./inference-coverage.ts";
import { metric } from "./metric.ts";
import { newCheckpoint } from "./new-checkpoint.ts";
import { newRows } from "./new-rows.ts";
import { outputPaths } from "./output-paths.ts";
import { silentDrop } from "./silent-drop.ts";
import { trainHoldoutLeakage } from "./train-holdout-leakage.ts";
import { trainKpiLeakage } from "./train-kpi-leakage.ts";
import { trainValidationLeakage } from "./train-validation-leakage.ts";
import { trainingRows } from "./training-rows.ts";

/** Every gate, in the order in which they judge: the first verdict is the one that a person reads. */
export const gates: readonly Gate[] = [
  outputPaths,
  trainValidationLeakage,
  trainKpiLeakage,
  trainHoldoutLeakage,
  newCheckpoint,
  inferenceCoverage,
  metric,
  emptyRouting,
  allocation,
  silentDrop,
  trainingRows,
  newRows,
];

/**
 * Holds what a stage found against every gate.
 *
 * @returns warnings: those of the gates, and the verdicts that a human accepted for this very attempt.
 * @throws Refusal of the first verdict that nobody accepted; `may_be_accepted` in its facts says whether one could.
 */
export function passGates(
  facts: GateFacts,
  context: Pick<StageContext, "accepted" | "state">,
  stage: StageName,
): string[] {
  const warnings: string[] = [];
  for (const gate of gates) {
    for (const { code, message, facts: found, acceptable } of gate.judge(facts, {
      stage,
      contract: context.state.metric_contract,
    })) {
      if (!acceptable || !context.accepted.includes(code)) {
        throw new Refusal(code, message, acceptable ? { ...found, may_be_accepted: true } : found);
      }
      warnings.push(`Accepted by a human: ${message}`);
    }
    warnings.push(...(gate.warnings?.(facts) ?? []));
  }
  return warnings;
}
