import type { RefusalCode } from "../../errors.ts";
import type { Verdict } from "../../ports/gate.ts";
import type { GateFacts, LeakageFacts } from "../../ports/stage.ts";

/** Verdicts on training rows that show what rows of one held-out set show. Nobody may accept a leak as it stands. */
export function leaks(facts: GateFacts, held: LeakageFacts["held"], code: RefusalCode): Verdict[] {
  return (facts.leakage ?? []).flatMap((one) => {
    const { training_csv, held_csv, leakage } = one;
    if (one.held !== held || leakage.count === 0) return [];
    const message = `${leakage.count} training rows show images of the ${held} set.`;
    const details = { path: training_csv, against: held_csv, rows: leakage.count, examples: leakage.examples };
    return [{ code, message, facts: details, acceptable: false }];
  });
}

/**
 * What a person should look at: rows that are nearly the same image, a re-compressed copy or a mere twin, and images
 * that could not be looked at.
 */
export function nearMisses(facts: GateFacts, held: LeakageFacts["held"]): string[] {
  return (facts.leakage ?? []).flatMap((one) => {
    if (one.held !== held) return [];
    const { near, undecoded } = one.leakage;
    const pairs = near.examples.map(({ line, held_line }) => `line ${line} like line ${held_line}`);
    if (near.count > pairs.length) pairs.push(`and ${near.count - pairs.length} more`);
    const blind = `${undecoded} training or ${held} images cannot be decoded and were compared byte for byte only.`;
    return [
      ...(near.count > 0
        ? [`${near.count} training rows show nearly what ${held} rows show: ${pairs.join(", ")}.`]
        : []),
      ...(undecoded > 0 ? [blind] : []),
    ];
  });
}
