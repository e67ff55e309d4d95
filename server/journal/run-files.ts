import { errnoOf, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { linesIn } from "../fs/lines.ts";
import { readTextIfPresent } from "../fs/read.ts";
import { defined } from "../run/defined.ts";
import { runPaths } from "../run/paths.ts";
import { type LogEntry, logEntrySchema } from "../run/state.ts";

/** Why a file, or a line of it, says nothing. `cause` is what was thrown; an absent file has none. */
export type Fault = { readonly kind: "absent" | "unreadable" | "malformed"; readonly cause?: unknown };

/** `deft_state.json` as JSON, or what is wrong with it. */
export type StateFile = { readonly raw?: unknown; readonly fault?: Fault };

/** `loop_log.jsonl`: its entries, the lines that are none by number, and the fragment that a crash left at the end. */
export type LogFile = {
  readonly entries: readonly LogEntry[];
  readonly torn: string | undefined;
  /** Length of the complete lines. */
  readonly bytes: number;
  readonly lines: number;
  readonly broken: ReadonlyMap<number, unknown>;
  readonly fault?: Fault;
};

/** The text of `deft_state.json`, or why it cannot be read. */
export async function readStateText(runDir: string): Promise<TextFile> {
  return await read(runPaths(runDir).state);
}

/** The state of a run as far as its text can be read; its shape is the caller's to judge. */
export function stateIn({ text, fault }: TextFile): StateFile {
  if (text === undefined) return defined({ fault });
  try {
    return { raw: parseJson(text) };
  } catch (cause) {
    return { fault: { kind: "malformed", cause } };
  }
}

/** Reads the log of a run as far as it can be read: what is no entry is named and left out. */
export async function readLogFile(path: string): Promise<LogFile> {
  const { text = "", fault } = await read(path);
  const end = text.lastIndexOf("\n") + 1;
  const entries: LogEntry[] = [];
  const broken = new Map<number, unknown>();
  for (const [line, number] of linesIn(text.slice(0, end))) {
    try {
      entries.push(entryIn(line));
    } catch (cause) {
      broken.set(number, cause);
    }
  }
  const torn = end === text.length ? undefined : text.slice(end);
  const lines = text.split("\n").length - 1;
  return { entries, torn, bytes: Buffer.byteLength(text.slice(0, end)), lines, broken, ...defined({ fault }) };
}

/** A line of the log. @throws SyntaxError, or the schema's error for what is no entry. */
export function entryIn(line: string): LogEntry {
  return logEntrySchema.parse(parseJson(line));
}

type TextFile = { readonly text?: string; readonly fault?: Fault };

async function read(path: string): Promise<TextFile> {
  try {
    const text = await readTextIfPresent(path);
    return text === undefined ? { fault: { kind: "absent" } } : { text };
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    return { fault: { kind: "unreadable", cause } };
  }
}

/** How a person is told that a file of a run says nothing. */
export function faultText(name: string, { kind, cause }: Fault): string {
  if (kind === "absent") return `${name} is missing`;
  if (kind === "malformed") return `${name} is not valid JSON`;
  return `${name} cannot be read (${errnoOf(cause instanceof Refusal ? cause.cause : cause) ?? "read error"})`;
}
