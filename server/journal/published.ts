import type { LogEntry, RunState } from "../run/state.ts";
import { entryDigest, headDigest, stateDigest } from "./integrity.ts";
import type { LogContent } from "./log-file.ts";
import { type CommitRecord, withCosts } from "./records.ts";

/** State and log as they will be once a commit is published, whatever of it is on the disk already. */
export function asPublished(
  { state, line, costs, log_bytes }: CommitRecord,
  { entries, bytes }: LogContent,
): { readonly state: RunState; readonly entries: readonly LogEntry[] } {
  const follows = line !== undefined && bytes === log_bytes;
  const all = follows ? [...entries, line] : entries;
  return { state, entries: costs === undefined ? all : withCosts(all, new Map(costs)) };
}

/**
 * The first state of a run that begins with a committed stage carries that stage's line, and is its own record; earlier
 * versions left any commit that was cut short so. A line that the sealed head does not know is no such line.
 */
export function dueOfItself({ pending, ...state }: RunState, { entries, bytes }: LogContent): CommitRecord | undefined {
  if (pending === undefined) return undefined;
  const due = { from: stateDigest(state), state, log_bytes: bytes };
  const last = entries.at(-1);
  if (last?.seq === pending.seq) return due;
  const digest = entryDigest(pending, headDigest(entries, state.integrity?.base));
  const follows = (last?.seq ?? 0) === pending.seq - 1 && digest === pending.entry_digest;
  return follows && digest === state.integrity?.head_digest ? { ...due, line: pending } : undefined;
}
