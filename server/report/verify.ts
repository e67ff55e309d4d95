import { checkHead, type Kept } from "../journal/heads.ts";
import { checkIntegrity } from "../journal/integrity.ts";
import { type LogEntry, type RunState, runStateSchema } from "../run/state.ts";
import type { Integrity } from "./model.ts";

/**
 * Holds a stored state and its log against their digest chain and the head outside the workspace. A run without a plan was written by another program
 * and carries no chain.
 *
 * A commit that was cut short between its two writes left its entry in the state: it belongs to the chain.
 */
export function verify(
  raw: Readonly<Record<string, unknown>>,
  log: readonly LogEntry[],
  outside: Kept = {},
): Integrity {
  if (raw.plan === undefined) return { status: "unknown", findings: [] };
  const { integrity, pending } = runStateSchema.shape;
  const kept = integrity.safeParse(raw.integrity);
  if (!kept.success) return { status: "tampered", findings: ["the integrity record of deft_state.json is malformed"] };
  const open = pending.safeParse(raw.pending).data;
  const entries = open !== undefined && open.seq === (log.at(-1)?.seq ?? 0) + 1 ? [...log, open] : log;
  const state = { ...raw, integrity: kept.data } as unknown as RunState;
  const chain = checkIntegrity(state, entries);
  const found = chain.ok ? checkHead(state, entries, outside) : chain;
  if (found.ok) return { status: "intact", findings: [] };
  // Lists stand in the sentence already.
  const single = Object.entries(found.facts).filter(([, value]) => !Array.isArray(value));
  const facts = single.map(([name, value]) => `${name} ${String(value)}`);
  return { status: "tampered", findings: [[found.what, ...facts].join(", ")] };
}
