import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { parseJson } from "../fs/json.ts";
import { linesIn } from "../fs/lines.ts";
import { readTail, readTextIfPresent } from "../fs/read.ts";
import { type LogEntry, logEntrySchema } from "../run/state.ts";

/** The log as read: complete entries, and the fragment of a line that a crash left at the end. */
export type LogContent = {
  readonly entries: readonly LogEntry[];
  readonly torn: string | undefined;
  /** Length of the complete lines. */
  readonly bytes: number;
};

/** Reads the whole log. An absent file is an empty log. @throws Refusal `state.corrupt` naming the first bad line. */
export async function readLog(path: string): Promise<LogContent> {
  const text = (await readTextIfPresent(path)) ?? "";
  const end = text.lastIndexOf("\n") + 1;
  const entries: LogEntry[] = [];
  for (const [line, number] of linesIn(text.slice(0, end))) entries.push(parseEntry(path, line, number));
  const torn = end === text.length ? undefined : text.slice(end);
  return { entries, torn, bytes: Buffer.byteLength(text.slice(0, end)) };
}

/** Moves the fragment of a torn last line to a file beside the log, so that it is kept and the log is whole again. */
export async function setTornLineAside(path: string, torn: string, last: () => void): Promise<string> {
  const text = (await readTextIfPresent(path)) ?? "";
  const aside = `${path}.torn-${Buffer.byteLength(text)}`;
  await writeAtomic(aside, torn);
  await writeAtomic(path, text.slice(0, text.lastIndexOf("\n") + 1), undefined, last);
  return aside;
}

const tailBytes = 65_536;

/** Sequence number of the last complete line, 0 for an empty log; reads the tail alone. */
export async function lastSeq(path: string): Promise<number> {
  const tail = await readTail(path, tailBytes);
  const lines = tail.slice(0, tail.lastIndexOf("\n") + 1).split("\n");
  const last = lines.filter((line) => line.trim() !== "").at(-1);
  return last === undefined ? 0 : parseEntry(path, last, -1).seq;
}

function parseEntry(path: string, line: string, number: number): LogEntry {
  try {
    return logEntrySchema.parse(parseJson(line));
  } catch (error) {
    const where = number > 0 ? `line ${number}` : "the last line";
    throw new Refusal(
      "state.corrupt",
      `${where} of loop_log.jsonl is not a log entry.`,
      { path, line: number },
      { cause: error },
    );
  }
}
