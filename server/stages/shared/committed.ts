import type { StageContext } from "../../ports/stage.ts";
import type { IterationState } from "../../run/state.ts";
import { missing } from "./evidence.ts";

/** What is committed of this iteration so far. */
export function present(context: StageContext): IterationState {
  return context.state.iterations[context.iteration] ?? {};
}

/** A committed field that an earlier stage of this iteration recorded. @throws Refusal `stage.evidence-missing`. */
export function recorded<K extends keyof IterationState>(
  context: StageContext,
  field: K,
): NonNullable<IterationState[K]> {
  const value = present(context)[field];
  if (value === undefined || value === null) throw missing(`${context.iteration}.${field}`, "is not recorded");
  return value;
}
