import { iterationLabel } from "./labels.ts";
import type { Plan, RunState } from "./state.ts";

/** Iterations in a row up to the current one whose change of FAR was no more than chance gives. */
export function idleIterations({ iterations, current_iteration }: Pick<RunState, "iterations" | "current_iteration">) {
  let count = 0;
  while (iterations[iterationLabel(current_iteration - count)]?.gain_remark !== undefined) count++;
  return count;
}

/** Whether a plan bears so many idle iterations no longer; one without patience, or of 0, bears all. */
export function isPatienceOver({ parameters }: Pick<Plan, "parameters">, idle: number): boolean {
  const patience = Number(parameters.patience?.value ?? 0);
  return patience > 0 && idle >= patience;
}
