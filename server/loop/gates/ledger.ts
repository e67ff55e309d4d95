import type { RefusalCode } from "../../errors.ts";
import type { Verdict } from "../../ports/gate.ts";
import type { LedgerStep } from "../../ports/stage.ts";

/** The steps at which more or fewer rows came out than went in and a rule of the method explains, as verdicts. */
export function unexplained(
  steps: readonly LedgerStep[] | undefined,
  code: RefusalCode,
  acceptable: boolean,
): Verdict[] {
  return (steps ?? []).flatMap((one) => {
    const { step, rows_in, rows_out, explained = {}, facts } = one;
    const taken = Object.values(explained).reduce((sum, rows) => sum + rows, 0);
    const missing = rows_in - taken - rows_out;
    if (missing === 0) return [];
    const way = missing > 0 ? `lost ${missing}` : `gained ${-missing}`;
    const message = `The step ${step} ${way} of ${rows_in} without a rule that explains it.`;
    return [{ code, message, facts: { step, rows_in, rows_out, ...explained, ...facts }, acceptable }];
  });
}
