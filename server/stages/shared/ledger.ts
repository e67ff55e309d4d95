import type { StageName } from "../../run/labels.ts";
import type { IterationState } from "../../run/state.ts";
import type { StageContext } from "../stage.ts";

/** The iteration's counts with those of this stage added; a stage only ever writes its own names. */
export function withCounts(context: StageContext, counts: Readonly<Record<string, number>>): Record<string, number> {
  return { ...present(context).ledger, ...counts };
}

/** What is committed of the iteration so far. */
export function present(context: StageContext): IterationState {
  return context.state.iterations[context.iteration] ?? {};
}

/** Whether a human accepted this very hard stop at this stage of this iteration. */
export function isAccepted(context: StageContext, stage: StageName, code: string): boolean {
  return context.state.acknowledgements.some(
    (entry) => entry.code === code && entry.iteration === context.iteration && entry.stage === stage,
  );
}
