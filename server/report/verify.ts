import { checkRun, type Kept } from "../journal/heads.ts";
import { type LogEntry, type RunState, runStateSchema } from "../run/state.ts";
import type { Integrity } from "./model.ts";

/**
 * Holds a stored state and its log against their digest chain, the record of the last commit (`spoiled` when that belies
 * them) and the head outside the workspace. A run without a plan was written by another program and carries no chain.
 */
export function verify(
  raw: Readonly<Record<string, unknown>>,
  entries: readonly LogEntry[],
  outside: Kept = {},
  spoiled?: string,
): Integrity {
  if (raw.plan === undefined) return { status: "unknown", findings: [] };
  const kept = runStateSchema.shape.integrity.safeParse(raw.integrity);
  if (!kept.success) return { status: "tampered", findings: ["the integrity record of deft_state.json is malformed"] };
  const state = { ...raw, integrity: kept.data } as unknown as RunState;
  const found = checkRun(state, entries, outside, spoiled);
  if (found.ok) return { status: "intact", findings: [] };
  // Lists stand in the sentence already.
  const single = Object.entries(found.facts).filter(([, value]) => !Array.isArray(value));
  const facts = single.map(([name, value]) => `${name} ${String(value)}`);
  return { status: "tampered", findings: [[found.what, ...facts].join(", ")] };
}
