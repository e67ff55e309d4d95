import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { sha256 as sha256Of } from "../../server/fs/hash.ts";
import { asidePath, putAside } from "../../server/trace/aside.ts";
import { hashOfStored, type Inline, textOf } from "../../server/trace/stored-file.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test edits lines of every kind
export type Lines = any[];

/** A copy of a trace with one connection's lines edited; lines are numbered again unless told not to. */
export async function editTrace(
  path: string,
  folder: string,
  edit: (lines: Lines) => Lines,
  options: { connection?: number; number?: boolean } = {},
): Promise<string> {
  const copy = join(folder, "trace");
  await cp(path, copy, { recursive: true });
  const file = join(copy, `connection-${options.connection ?? 1}.jsonl`);
  const now = edit(await linesIn(file));
  const numbered = options.number === false ? now : now.map((line, index) => ({ ...line, n: index + 1 }));
  await writeFile(file, `${numbered.map((line) => JSON.stringify(line)).join("\n")}\n`);
  return copy;
}

/** The lines of one connection. */
export async function linesIn(path: string): Promise<Lines> {
  const rows = (await readFile(path, "utf8")).trim().split("\n");
  return rows.map((row) => JSON.parse(row));
}

/** Changes each text beside a trace, and what names it; a stored file in its place goes into the line. */
export async function editAside(trace: string, change: (text: string) => string | Inline): Promise<void> {
  const file = join(trace, "connection-1.jsonl");
  const lines = await linesIn(file);
  for (const line of lines.filter(({ encoding }) => encoding === "aside")) {
    const old = asidePath(trace, line.sha256);
    const now = change(gunzipSync(await readFile(old)).toString("utf8"));
    const put = typeof now === "string" ? await putAside(trace, [now]) : { ...now, sha256: hashOfStored(now) };
    const { sha256 } = put;
    for (const one of lines.flatMap((other) => [other, ...(other.outputs ?? [])])) {
      if (one.stored === line.sha256) one.stored = sha256;
    }
    Object.assign(line, put);
  }
  await writeFile(file, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
}

/** Changes a stored file and everything that names it by its hash, as somebody would who means it. */
export function editStored(lines: Lines, sha256: string, change: (content: Lines[number]) => unknown): Lines {
  const file = lines.find((line) => line.kind === "file" && line.sha256 === sha256);
  file.content = change(file.content) ?? file.content;
  file.sha256 = hashOfStored(file);
  for (const line of lines) {
    for (const one of [line, ...(line.outputs ?? [])]) if (one.stored === sha256) one.stored = file.sha256;
    for (const input of Array.isArray(line.inputs) ? line.inputs : []) {
      if (input.stored === sha256) Object.assign(input, { stored: file.sha256, sha256: sha256Of(textOf(file)) });
    }
  }
  return lines;
}
