import type { LogEntry, RunState } from "../run/state.ts";
import { entryDigest, headDigest, stateDigest } from "./integrity.ts";
import type { Log as LogFile } from "./log-file.ts";
import { type CommitRecord, type Newest, newestRecord, withCosts } from "./records.ts";

type Log = Pick<LogFile, "entries" | "bytes">;

/** State and log as they are once the last commit is published, whatever of it is on the disk already. */
export type AsMade = {
  readonly state: RunState;
  readonly entries: readonly LogEntry[];
  readonly newest: Newest;
  /** What is to be published; undefined when all is. */
  readonly due: CommitRecord | undefined;
};

/** Lays a commit that was made, and cut short before it was published, over what a run's files say. */
export async function asMade(runDir: string, published: RunState, log: Log): Promise<AsMade> {
  const newest = await newestRecord(runDir, published);
  const due = newest.due ?? dueOfItself(published, log);
  if (due === undefined) return { state: published, entries: log.entries, newest, due };
  const { state, line, costs, log_bytes } = due;
  const follows = line !== undefined && log.bytes === log_bytes;
  const entries = follows ? [...log.entries, line] : log.entries;
  return { state, entries: costs === undefined ? entries : withCosts(entries, new Map(costs)), newest, due };
}

/**
 * The first state of a run that begins with a committed stage carries that stage's line, and is its own record; earlier
 * versions left any commit that was cut short so. A line that the sealed head does not know is no such line.
 */
function dueOfItself({ pending, ...state }: RunState, { entries, bytes }: Log): CommitRecord | undefined {
  if (pending === undefined) return undefined;
  const due = { from: stateDigest(state), state, log_bytes: bytes };
  const last = entries.at(-1);
  if (last?.seq === pending.seq) return due;
  const digest = entryDigest(pending, headDigest(last, state.integrity?.base));
  const follows = (last?.seq ?? 0) === pending.seq - 1 && digest === pending.entry_digest;
  return follows && digest === state.integrity?.head_digest ? { ...due, line: pending } : undefined;
}
