import type { RunState } from "../run/state.ts";

type Known = { text?: string; digest?: string };

/**
 * States that came out of the schema and their iterations, none of which can change any more, with what was worked out of
 * them. A long run's state is read, held against its digest and sealed often, and nearly all of it is iterations that ended.
 */
const settled = new WeakMap<object, Known>();

/** Freezes a state that came out of the schema, so that what is worked out of it once holds. */
export function settle(state: RunState): RunState {
  freeze(state);
  for (const part of [state, ...Object.values(state.iterations)]) if (!settled.has(part)) settled.set(part, {});
  return state;
}

/** Whether a part of a state is known to have its shape for good. */
export function isSettled(part: object): boolean {
  return settled.has(part);
}

/** What `work` makes of a part, kept where the part is settled. */
export function keptOf(part: unknown, what: keyof Known, work: () => string): string {
  const known = settled.get(part as object);
  if (known === undefined) return work();
  known[what] ??= work();
  return known[what];
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
