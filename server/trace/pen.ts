import { join } from "node:path";
import { sha256 } from "../fs/hash.ts";
import { createLineFile, type LineFile } from "../fs/line-file.ts";
import { listNames, readText } from "../fs/read.ts";
import type { Deps } from "../loop/call.ts";
import { redactor } from "../run/redact.ts";
import { connectionFile, connectionPattern, type NewLine, type TraceLine } from "./format.ts";
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
};

/** The file of the next connection, created by this process alone. */
export function openFile(dir: string): LineFile {
  for (let number = 1; ; number++) {
    const file = createLineFile(join(dir, connectionFile(number)));
    if (file !== undefined) return file;
  }
}

/** `heard` holds what clock and chance said since the last line; each line takes it along. */
export function penOf(
  file: LineFile,
  deps: Deps,
  earlier: readonly (readonly [string, string])[],
  heard: { now: number[]; ids: string[] },
): Pen {
  let n = 0;
  const write = (line: NewLine) => {
    const { now, ids } = heard;
    const read = { ...(now.length > 0 ? { now } : {}), ...(ids.length > 0 ? { ids } : {}) };
    heard.now = [];
    heard.ids = [];
    n += 1;
    file.append(JSON.stringify({ n, ...line, ...read }));
    if (line.kind === "end") file.close();
  };
  const isRoot = (name: string) => /^(workspace|home)/.test(name);
  const waiting: NewLine[] = [];
  const symbols = symbolTable((name, value) => {
    // Directories differ by machine and may tell about it: only a hash of them is kept, to know them again.
    const line: NewLine = { kind: "symbol", name, value: isRoot(name) ? sha256(value) : value };
    if (n === 0) waiting.push(line);
    else write(line);
  });
  for (const [name, value] of earlier) symbols.again(name, value);
  const redact = redactor(deps.env);
  if (deps.env.HOME) symbols.root("home", deps.env.HOME);
  return {
    symbols,
    write(line) {
      write(line);
      for (const one of waiting.splice(0)) write(one);
    },
    clean: (value) => mapTexts(value, (text) => symbols.name(redact(text))),
    cleanText: (text) => symbols.name(redact(text)),
    cleanFile: (text) => symbols.nameKnown(redact(text)),
  };
}

/** Names that earlier connections of the same trace gave, so that a run has one name through all of them. */
export async function earlierNames(dir: string): Promise<[string, string][]> {
  const names = (await listNames(dir)).filter((name) => connectionPattern.test(name));
  const texts = await Promise.all(names.map((name) => readText(join(dir, name))));
  const lines = texts.flatMap((text) => text.split("\n").filter((line) => line.includes('"kind":"symbol"')));
  return lines.flatMap((line) => {
    const { name, value } = JSON.parse(line) as TraceLine & { name?: string; value?: string };
    return name !== undefined && value !== undefined ? [[name, value] as [string, string]] : [];
  });
}
