import { type RefusalCode, refusals } from "../errors.ts";

/** The registry's remedy as it reads before there is a run to acknowledge: the way on is another preflight. */
export function remedyBeforeRun(code: RefusalCode): string {
  return refusals[code].remedy.replace(
    /, then acknowledge_stop(?: or finish_loop)?\.$/,
    ", then call preflight again.",
  );
}
