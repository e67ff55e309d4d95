import { readRun } from "../journal/journal.ts";
import { defined } from "../run/defined.ts";
import type { IterationState, LogEntry, RunState } from "../run/state.ts";

/** One new entry of a run's log, with the figures that its iteration then had. */
export type RunEvent = { readonly entry: Record<string, unknown>; readonly figures: Record<string, unknown> };

/** Tells what a call added to the logs of runs; keeps how far each was read. */
export function eventReader(): (runDir: string) => Promise<RunEvent[]> {
  const read = new Map<string, number>();
  return async (runDir) => {
    const run = await readRun(runDir).catch(() => undefined);
    if (run === undefined) return [];
    const from = read.get(runDir) ?? 0;
    read.set(runDir, run.entries.at(-1)?.seq ?? 0);
    return run.entries.filter(({ seq }) => seq > from).map((entry) => eventOf(entry, run.state));
  };
}

function eventOf({ seq, iter, stage, status, summary }: LogEntry, state: RunState): RunEvent {
  const iteration: IterationState = state.iterations[iter] ?? {};
  const { far_pct, threshold, metric_result, ledger, mining_mined_count } = iteration;
  const stop = state.hard_stop?.code;
  return {
    entry: { seq, iter, stage, status, summary },
    figures: {
      ...defined({ far_pct, threshold }),
      ...(metric_result === undefined ? {} : { value: metric_result.value, passed: metric_result.passed }),
      ...defined({ ledger, mined: mining_mined_count, hard_stop: stop }),
    },
  };
}
