import { farInterval, intervalText } from "../kpi/certainty.ts";
import { shortDuration } from "../run/figures.ts";
import type { IterationLabel, LogStageName } from "../run/labels.ts";
import { iterationNumber } from "../run/labels.ts";
import { evidenceLevel, type RunState } from "../run/state.ts";
import { describeAction, type NextAction } from "./transitions.ts";

/**
 * The primary metric of the newest evaluated iteration against the one before, with its 95 % interval where it is a
 * share: `FAR 6.34% → 3.11% [1.60-5.38%] (target <0.5%)`.
 */
export function metricPhrase(state: RunState): string {
  const { name, display_name, operator, target, unit } = state.metric_contract;
  const results = Object.values(state.iterations).flatMap((iteration) => iteration.metric_result ?? []);
  const values = results.map(({ value }) => value);
  const format = (value: number) => `${Number(value.toFixed(4))}${unit}`;
  const [before, now] = values.length > 1 ? values.slice(-2) : [undefined, values[0]];
  const goal = `(target ${operator}${format(target)})`;
  if (now === undefined) return `${display_name} not measured yet ${goal}`;
  const shown = before === undefined ? format(now) : `${format(before)} → ${format(now)}`;
  const { counts } = results.at(-1) ?? {};
  const interval = counts && name === "far_pct" ? ` [${intervalText(farInterval(counts))}]` : "";
  const proved = state.stop_reason === undefined ? "" : ` · ${evidenceLevel(state)}`;
  const { holdout } = state;
  const frozen =
    holdout === undefined
      ? ""
      : ` · frozen test set FAR ${format(holdout.far_pct)} [${intervalText(farInterval(holdout.counts))}]`;
  return `${display_name} ${shown}${interval} ${goal}${proved}${frozen}`;
}

/** The one line a person sees at each milestone (tao-stages 4.7). */
export function statusLine(
  state: RunState,
  at: { iteration: IterationLabel; stage: LogStageName; seconds: number; note?: string },
  next: NextAction,
): string {
  const where = `[iter ${iterationNumber(at.iteration)}/${state.max_iterations} · ${at.stage}]`;
  const middle = [metricPhrase(state), at.note, shortDuration(at.seconds)].filter((part) => part !== undefined);
  return `${where} ${middle.join(" · ")} · next: ${describeAction(next)}`;
}
