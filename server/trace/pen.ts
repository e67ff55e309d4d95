import { join } from "node:path";
import { sha256 } from "../fs/hash.ts";
import { createLineFile, type LineFile } from "../fs/line-file.ts";
import { listNames, readText } from "../fs/read.ts";
import type { Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { redactor } from "../run/redact.ts";
import { asideBytes, type Pieces, type PutAside, type Writer } from "./aside.ts";
import { connectionFile, connectionPattern, type NewLine, type TraceLine, traceBudgetBytes } from "./format.ts";
import { hashOfStored, type Inline } from "./stored-file.ts";
import { mapTexts, type Symbols, symbolTable } from "./symbols.ts";

/** A pen that writes the lines of one connection. */
export type Pen = {
  readonly symbols: Symbols;
  write(line: NewLine): void;
  /** Takes secrets out and writes names for what differs between runs. */
  clean(value: unknown): unknown;
  cleanText(text: string): string;
  /** The same for the content of a file, which gives no new names. */
  cleanFile(text: string): string;
  /** Keeps a file's content, once, and tells the name that other lines know it by. */
  keep(file: Inline): string;
  /** The same for a text that is too long for a line; undefined on a disk that takes no more. */
  keepAside(text: Pieces | Writer): Promise<string | undefined>;
};

/** What a pen writes on. */
export type Paper = LineFile & {
  /** Puts a text beside the lines; undefined on a disk that takes no more. */
  putAside(text: Pieces | Writer): Promise<PutAside | undefined>;
};

/** What the connections of one server have in common, so that a run has one name and lines have one order. */
export type Shared = {
  readonly symbols: Symbols;
  /** Names given since the last line; whoever writes next writes them down. */
  readonly fresh: NewLine[];
  /** Bytes of the whole trace. */
  readonly size: { bytes: number };
  /** The next place among the lines of all connections; absent where there is one only. */
  readonly turn?: () => number;
};

/** Names as earlier connections of the same trace gave them. */
export async function sharedNames(dir: string, home: string | undefined): Promise<Shared> {
  const isRoot = (name: string) => /^(workspace|home)/.test(name);
  const fresh: NewLine[] = [];
  // Directories differ by machine and may tell about it: only a hash of them is kept, to know them again.
  const symbols = symbolTable((name, value) => {
    fresh.push({ kind: "symbol", name, value: isRoot(name) ? sha256(value) : value });
  });
  const earlier = await earlierTexts(dir);
  for (const [name, value] of namesIn(earlier)) symbols.again(name, value);
  if (home) symbols.root("home", home);
  const lines = earlier.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return { symbols, fresh, size: { bytes: lines + (await asideBytes(dir)) } };
}

/** The file of the next connection, created by this process alone, and its number. */
export function openFile(dir: string): { file: LineFile; number: number } {
  for (let number = 1; ; number++) {
    const file = createLineFile(join(dir, connectionFile(number)));
    if (file !== undefined) return { file, number };
  }
}

/** `heard` holds what clock and chance said since the last line; each line takes it along. */
export function penOf(
  open: () => Paper,
  env: Deps["env"],
  { symbols, fresh, size, turn }: Shared,
  heard: { now: number[]; ids: string[] },
  onOverBudget: () => void,
): Pen {
  const redact = redactor(env);
  const kept = new Set<string>();
  let file: Paper | undefined;
  let n = 0;
  let ended = false;
  const grow = (bytes: number) => {
    const before = size.bytes;
    size.bytes += bytes;
    if (before <= traceBudgetBytes && size.bytes > traceBudgetBytes) onOverBudget();
  };
  const append = (line: NewLine) => {
    const { now, ids } = heard;
    const read = defined({ now: now.length > 0 ? now : undefined, ids: ids.length > 0 ? ids : undefined });
    heard.now = [];
    heard.ids = [];
    n += 1;
    file ??= open();
    const text = JSON.stringify({ n, ...line, ...defined({ turn: turn?.() }), ...read });
    file.append(text);
    grow(Buffer.byteLength(text) + 1);
  };
  const write = (line: NewLine) => {
    // A call that outlives its connection has nobody left to tell.
    if (ended) return;
    if (line.kind === "connection") append(line);
    for (const one of fresh.splice(0)) append(one);
    if (line.kind !== "connection") append(line.kind === "end" ? endLine(size.bytes) : line);
    ended = line.kind === "end";
    if (ended) file?.close();
  };
  const writeOnce = (line: Extract<NewLine, { kind: "file" }>) => {
    if (!kept.has(line.sha256)) write(line);
    kept.add(line.sha256);
    return line.sha256;
  };
  return {
    symbols,
    write,
    keep: (content) => writeOnce({ kind: "file", sha256: hashOfStored(content), ...content }),
    async keepAside(text) {
      file ??= open();
      const put = await file.putAside(text);
      if (put === undefined) return undefined;
      const { sha256, size_bytes, packed_bytes } = put;
      if (!kept.has(sha256)) grow(packed_bytes);
      return writeOnce({ kind: "file", sha256, encoding: "aside", size_bytes });
    },
    clean: (value) => mapTexts(value, (text) => symbols.name(redact(text))),
    cleanText: (text) => symbols.name(redact(text)),
    cleanFile: (text) => symbols.nameKnown(redact(text)),
  };
}

function endLine(bytes: number): NewLine {
  return bytes > traceBudgetBytes ? { kind: "end", over_budget_bytes: bytes } : { kind: "end" };
}

async function earlierTexts(dir: string): Promise<string[]> {
  const names = (await listNames(dir)).filter((name) => connectionPattern.test(name));
  return await Promise.all(names.map((name) => readText(join(dir, name))));
}

/** Names that earlier connections of the same trace gave, so that a run has one name through all of them. */
function namesIn(texts: readonly string[]): [string, string][] {
  // What follows the last line end is a line that a killed server never finished.
  const whole = texts.flatMap((text) => text.split("\n").slice(0, -1));
  const lines = whole.filter((line) => line.includes('"kind":"symbol"'));
  return lines.flatMap((line) => {
    const { name, value } = JSON.parse(line) as TraceLine & { name?: string; value?: string };
    return name !== undefined && value !== undefined ? [[name, value] as [string, string]] : [];
  });
}
