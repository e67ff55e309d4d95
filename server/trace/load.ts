import { createHash } from "node:crypto";
import { join } from "node:path";
import { excerpt, type Facts, Refusal } from "../errors.ts";
import { sha256 } from "../fs/hash.ts";
import { parseJson } from "../fs/json.ts";
import { linesIn } from "../fs/lines.ts";
import { kindOf, listNames, readText } from "../fs/read.ts";
import { membersOf } from "../run/record.ts";
import { type Aside, asideBytes, asidePath, readAside } from "./aside.ts";
import { connectionPattern, type JobInput, type TraceLine, traceFormat, traceLineSchema } from "./format.ts";
import { hashOfStored, type StoredFile, textOf } from "./stored-file.ts";

export type Connection = {
  readonly file: string;
  readonly head: Extract<TraceLine, { kind: "connection" }>;
  readonly lines: readonly TraceLine[];
  /** Whether the server got to say goodbye; a killed one did not. */
  readonly ended: boolean;
  readonly size_bytes: number;
};
export type Trace = {
  readonly path: string;
  readonly size_bytes: number;
  readonly connections: readonly Connection[];
  /** The lines of all connections as they were written: those of one server by turns, servers one after the other. */
  readonly order: readonly { readonly line: TraceLine; readonly connection: Connection }[];
  readonly files: ReadonlyMap<string, StoredFile>;
};

/**
 * Reads a trace, a folder of connections, and proves that it is whole: every line there, of a format that this code
 * knows, every file with the content that its hash names. The last connection may be cut off with `partial` only; one
 * before it may, because a server that was killed is followed by the one that resumed.
 *
 * @throws Refusal `trace.unusable` naming file and line.
 */
export async function loadTrace(path: string, options: { partial?: boolean } = {}): Promise<Trace> {
  const number = (name: string) => Number(connectionPattern.exec(name)?.[1]);
  const names = (await listNames(path)).filter((name) => connectionPattern.test(name));
  names.sort((a, b) => number(a) - number(b));
  if (names.length === 0) throw unusable("There is no trace here.", { path, kind: await kindOf(path) });
  const connections: Connection[] = [];
  for (const [index, name] of names.entries()) {
    if (number(name) !== index + 1) throw unusable("A connection of the trace is missing.", { path, found: name });
    connections.push(await readConnection(join(path, name), name));
  }
  const last = connections.at(-1);
  if (last?.ended !== true && options.partial !== true) {
    const message = "The trace is cut off: its last connection never ended. --partial replays what is there.";
    throw unusable(message, { file: last?.file, lines: last?.lines.length });
  }
  const lines_bytes = connections.reduce((sum, one) => sum + one.size_bytes, 0);
  const files = await filesOf(path, connections);
  const size_bytes = lines_bytes + (await asideBytes(path));
  return { path, size_bytes, connections, order: inOrder(connections), files };
}

function inOrder(connections: readonly Connection[]): Trace["order"] {
  const placed = connections.flatMap((connection, index) => {
    const group = connection.head.group ?? index + 1;
    let turn = 0;
    return connection.lines.map((line) => {
      turn = line.turn ?? turn;
      return { line, connection, group, turn };
    });
  });
  return placed.sort((a, b) => a.group - b.group || a.turn - b.turn);
}

async function readConnection(path: string, file: string): Promise<Connection> {
  const text = await readText(path);
  // A killed server can leave a part of its last line: the system writes long ones in pieces.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const lines = Array.from(linesIn(whole), ([row, number]) => parseLine(row, file, number));
  const head = lines[0];
  if (head?.kind !== "connection") throw unusable("The trace has no beginning.", { file });
  return { file, head, lines, ended: lines.at(-1)?.kind === "end", size_bytes: Buffer.byteLength(text) };
}

function parseLine(row: string, file: string, number: number): TraceLine {
  let raw: unknown;
  try {
    raw = parseJson(row);
  } catch (error) {
    throw new Refusal("trace.unusable", "A line of the trace is not JSON.", { file, line: number }, { cause: error });
  }
  const { format, n } = membersOf(raw);
  if (number === 1 && typeof format === "number" && format > traceFormat) {
    throw unusable("The trace has a newer format.", { file, format, known: traceFormat });
  }
  if (n !== number) throw unusable("A line of the trace is missing or out of place.", { file, line: number, found: n });
  const parsed = traceLineSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const problem = excerpt(`${issue?.path.join(".")}: ${issue?.message}`);
  throw unusable("A line of the trace has another shape.", { file, line: number, problem });
}

async function filesOf(trace: string, connections: readonly Connection[]): Promise<Map<string, StoredFile>> {
  const files = new Map<string, StoredFile>();
  for (const { file, lines } of connections) {
    for (const line of lines) {
      if (line.kind === "file") {
        const { sha256 } = line;
        const { stored, actual } = await storedIn(trace, line);
        if (actual !== sha256) throw unusable("A recorded file was changed.", { file, line: line.n, sha256, actual });
        files.set(sha256, stored);
      }
      const missing = namedIn(line).find(({ stored }) => stored !== undefined && !files.has(stored));
      if (missing) throw unusable("A recorded file is missing.", { file, line: line.n, path: missing.path });
      const other = (line.kind === "job-start" ? line.inputs : undefined)?.find((input) => !holdsItself(input, files));
      if (other) throw unusable("A recorded file was changed.", { file, line: line.n, path: other.path });
    }
  }
  return files;
}

/** What a line holds, or what lies beside the trace for it, and the name that it has by its content. */
async function storedIn(
  trace: string,
  { sha256, encoding, content, size_bytes = 0 }: Extract<TraceLine, { kind: "file" }>,
): Promise<{ stored: StoredFile; actual: string }> {
  if (encoding !== "aside") return { stored: { encoding, content }, actual: hashOfStored({ encoding, content }) };
  const stored: Aside = { encoding, path: asidePath(trace, sha256), size_bytes };
  const hash = createHash("sha256");
  for await (const piece of readAside(stored)) hash.update(piece);
  return { stored, actual: hash.digest("hex") };
}

function holdsItself({ sha256: named, stored }: JobInput, files: ReadonlyMap<string, StoredFile>): boolean {
  const content = stored === undefined ? undefined : files.get(stored);
  return content === undefined || sha256(textOf(content)) === named;
}

/** Files whose content a line counts on. */
export function namedIn(line: TraceLine): readonly { readonly path: string; readonly stored?: string | undefined }[] {
  if (line.kind === "embeddings") return [{ path: line.source, stored: line.stored }];
  if (line.kind === "job-start") return line.inputs ?? [];
  return line.kind === "job-end" ? line.outputs : [];
}

function unusable(message: string, facts: Facts): Refusal {
  return new Refusal("trace.unusable", message, facts);
}

/** Refuses calls of tools that this server does not have. @throws Refusal `trace.unusable`. */
export function assertKnownTools(trace: Trace, known: readonly string[]): void {
  for (const { file, lines } of trace.connections) {
    for (const line of lines) {
      const tool = line.kind === "request" && line.method === "tools/call" ? String(line.params?.name) : undefined;
      if (tool === undefined || known.includes(tool)) continue;
      throw unusable("The trace calls a tool that this server does not have.", {
        file,
        line: line.n,
        tool,
        known,
      });
    }
  }
}
