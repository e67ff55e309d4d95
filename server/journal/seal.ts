import type { Deps } from "../ports/call.ts";
import { isoMicros } from "../run/clock.ts";
import { defined } from "../run/defined.ts";
import type { IterationLabel, LogStageName } from "../run/labels.ts";
import { type LogEntry, type RunState, runStateSchema } from "../run/state.ts";
import type { Kept } from "./heads.ts";
import { entryDigest, headDigest, partDigests, stateDigest } from "./integrity.ts";
import { isSettled, settle } from "./settled.ts";

/** One line for the log, before it gets its number, time and digest. */
export type NewEntry = {
  readonly iter: IterationLabel;
  readonly stage: LogStageName;
  readonly status: "ok" | "error";
  readonly summary: string;
  /** From the start of the stage's first job to the end of its last, where there are jobs. */
  readonly duration_sec: number;
  /** What the stage waited for a caller beside that. */
  readonly waited_sec?: number;
};

type Base = NonNullable<RunState["integrity"]>["base"];

/** An entry with its number and time, chained to the one before it. */
export function numberedLine(
  entry: NewEntry,
  last: LogEntry | undefined,
  base: Base,
  deps: Pick<Deps, "clock">,
): LogEntry {
  const seq = (last?.seq ?? 0) + 1;
  const numbered: LogEntry = { seq, ts: isoMicros(deps.clock.now()), ...entry, context_tokens: 0 };
  return { ...numbered, entry_digest: entryDigest(numbered, headDigest(last, base)) };
}

/** The state as it is written: its revision counted on, with digests of itself and of the log that belongs to it. */
export function seal(
  before: (Kept & { readonly state: RunState; readonly newest: number }) | undefined,
  next: RunState,
  last: LogEntry | undefined,
  base: Base,
): RunState {
  const { pending: _pending, head_kept_at: _was, ...rest } = next;
  // An accepted older copy goes on above the head that it was held against.
  const revision = Math.max(before?.state.revision ?? 0, before?.head?.revision ?? 0, before?.newest ?? 0) + 1;
  const kept = defined({ head_kept_at: before?.head && before.headPlace });
  const state = wellFormed({ ...rest, revision, ...kept });
  const head = { head_seq: last?.seq ?? 0, head_digest: headDigest(last, base) };
  const digests = { state_digest: stateDigest(state), parts: partDigests(state) };
  return { ...state, integrity: { ...digests, ...head, ...defined({ base }) } };
}

/** A state that came out of the schema: all of it but the iterations that did before. */
function wellFormed(next: RunState): RunState {
  const others = Object.entries(next.iterations).filter(([, iteration]) => !isSettled(iteration));
  const state = runStateSchema.parse({ ...next, iterations: Object.fromEntries(others) });
  return settle({ ...state, iterations: { ...next.iterations, ...state.iterations } });
}
