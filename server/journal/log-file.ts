import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { cutTail } from "../fs/compare-and-set.ts";
import { readTail } from "../fs/read.ts";
import { stampOf, toldBy } from "../fs/stamp.ts";
import type { LogEntry } from "../run/state.ts";
import { entryIn, type LogFile, readLogFile } from "./run-files.ts";

/** A log, or the end of one: `after` is the entry that its first one follows, absent where they are all. */
export type Log = Pick<LogFile, "entries" | "torn" | "bytes"> & { readonly after?: LogEntry };

/**
 * Reads the end of a log that nobody touched since `stamp` was taken of it, whatever its length; undefined for a short one,
 * for one that was touched, and where the end alone does not tell.
 */
export async function readLogEnd(path: string, stamp: string): Promise<Log | undefined> {
  const { size_bytes } = toldBy(stamp);
  if (!(size_bytes > tailBytes) || stampOf(path) !== stamp) return undefined;
  const tail = await readTail(path, tailBytes);
  if (stampOf(path) !== stamp) return undefined;
  const [begin, end] = [tail.indexOf("\n") + 1, tail.lastIndexOf("\n") + 1];
  const lines = tail
    .slice(begin, end)
    .split("\n")
    .filter((line) => line.trim() !== "");
  try {
    const [after, ...entries] = lines.map(entryIn);
    const rest = tail.slice(end);
    const torn = rest === "" ? undefined : rest;
    return after && entries.length > 0
      ? { after, entries, torn, bytes: size_bytes - Buffer.byteLength(rest) }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the whole log. An absent file is an empty log. @throws Refusal `state.corrupt` naming the first bad line. */
export async function readLog(path: string): Promise<LogFile> {
  const log = await readLogFile(path);
  if (log.fault !== undefined && log.fault.kind !== "absent") throw log.fault.cause;
  for (const [number, cause] of log.broken) throw noEntry(path, number, cause);
  return log;
}

/** Moves the fragment of a torn last line to a file beside the log, so that it is kept and the log is whole again. */
export async function setTornLineAside(path: string, log: Log, last: () => void): Promise<string> {
  const { torn = "", bytes } = log;
  const aside = `${path}.torn-${bytes + Buffer.byteLength(torn)}`;
  await writeAtomic(aside, torn);
  await cutTail(path, bytes, torn, last);
  return aside;
}

const tailBytes = 65_536;

/** Sequence number of the last complete line, 0 for an empty log; reads the tail alone. */
export async function lastSeq(path: string): Promise<number> {
  const tail = await readTail(path, tailBytes);
  const lines = tail.slice(0, tail.lastIndexOf("\n") + 1).split("\n");
  const last = lines.filter((line) => line.trim() !== "").at(-1);
  return last === undefined ? 0 : lastEntry(path, last).seq;
}

function lastEntry(path: string, line: string): LogEntry {
  try {
    return entryIn(line);
  } catch (error) {
    throw noEntry(path, -1, error);
  }
}

function noEntry(path: string, line: number, cause: unknown): Refusal {
  const where = line > 0 ? `line ${line}` : "the last line";
  return new Refusal("state.corrupt", `${where} of loop_log.jsonl is not a log entry.`, { path, line }, { cause });
}
