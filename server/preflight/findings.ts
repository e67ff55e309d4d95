import { type RefusalCode, refusals } from "../errors.ts";
import type { Findings, StepCheck } from "./survey.ts";

/** A step that found everything as it should be. */
export function ok(detail: string, more: Omit<Findings, "checks"> = {}): Findings {
  return { checks: [{ outcome: "ok", detail }], ...more };
}

/** A step that this plan does not need, said aloud so that nobody thinks it was forgotten. */
export function notNeeded(detail: string): Findings {
  return { checks: [{ outcome: "not_applicable", detail }] };
}

/** A finding that forbids the plan; unless told otherwise with the registry's remedy as it reads before there is a run. */
export function halt(code: RefusalCode, detail: string, fix = remedyBeforeRun(code)): StepCheck {
  return { outcome: "halt", code, detail, fix };
}

/** Before there is a run the way on is another preflight. */
export function remedyBeforeRun(code: RefusalCode): string {
  return refusals[code].remedy.replace(
    /, then acknowledge_stop(?: or finish_loop)?\.$/,
    ", then call preflight again.",
  );
}
