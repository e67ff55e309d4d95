import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { readChunks } from "../fs/chunks.ts";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { parseJson } from "../fs/json.ts";
import { wholeLines } from "../fs/lines.ts";
import { readBytes } from "../fs/read.ts";
import { type Aside, readAside } from "./aside.ts";
import type { Change } from "./stored-cell.ts";
import { isParquet, readTable, restoreRows, restoreTable } from "./stored-table.ts";

/** A file's content as a line of a trace keeps it: paths and stamps are names in texts and tables. */
export type Inline = { readonly encoding: "text" | "table" | "gzip"; readonly content: unknown };
/** The same, or a text that lies beside the trace. */
export type StoredFile = Inline | Aside;

/** Longer texts are compressed: nobody reads their difference line by line. */
const longText = 65_536;

/**
 * What is kept whole in a line: texts that gates parse, which compress well; tables, whose vectors do not; of anything
 * else, images and checkpoints, up to a few kilobytes.
 */
const caps = { text: 16 * 1024 * 1024, table: 256 * 1024, opaque: 2048 };
const textNames = /\.(csv|json|jsonl|yaml|yml|txt|log)$/i;

/** Whether a file of this name and size is kept whole in a line. */
export function isKept(path: string, size_bytes: number): boolean {
  if (textNames.test(path)) return size_bytes <= caps.text;
  return size_bytes <= (isParquet(path) ? caps.table : caps.opaque);
}

/** Whether a file beyond that lies beside the trace: rows of a pool have no largest number, nor has a log, and replays need them. */
export const isKeptAside = (path: string): boolean => isParquet(path) || textNames.test(path);

/** A text as a trace keeps it in a line. */
function storeText(text: string): Inline {
  return text.length <= longText ? { encoding: "text", content: text } : compressed(text);
}

/** JSON text of a plain value as a trace keeps it in a line. */
export function storeJson(json: string): Inline {
  return json.length <= longText ? { encoding: "table", content: parseJson(json) } : compressed(json);
}

/** The value again, with its names. */
export function restoreValue(file: StoredFile): unknown {
  return file.encoding === "table" ? file.content : parseJson(textOf(file));
}

/**
 * Reads a file for a line of a trace. Parquet becomes its rows, so that paths in it can get names; a table whose rows are
 * too long for one text is undefined.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-parquet`.
 */
export async function storeFile(path: string, change: Change): Promise<Inline | undefined> {
  if (isParquet(path)) {
    const { json } = await readTable(path, change);
    return json === undefined ? undefined : storeJson(json);
  }
  const bytes = Buffer.from(await readBytes(path));
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? storeText(change(text)) : compressed(bytes);
}

/**
 * The text of a file of any length with its names, in pieces that end with a line.
 *
 * @throws Refusal `input.unreadable-file` at its end, where the bytes, whose `sha256` is known, are no UTF-8 text.
 */
export async function* namedText(path: string, sha256: string, change: Change): AsyncGenerator<string> {
  const hash = createHash("sha256");
  for await (const piece of wholeLines(readChunks(path), path)) {
    hash.update(piece);
    yield change(piece);
  }
  if (hash.digest("hex") === sha256) return;
  throw new Refusal("input.unreadable-file", `Cannot read ${path}: it is no text.`, { path });
}

function compressed(data: string | Buffer): Inline {
  return { encoding: "gzip", content: gzipSync(data, { level: 9 }).toString("base64") };
}

function unpacked(content: unknown): Buffer {
  try {
    return gunzipSync(Buffer.from(String(content), "base64"), { maxOutputLength: largestUnpacked });
  } catch (error) {
    throw new Refusal("trace.unusable", "A recorded file cannot be unpacked.", {}, { cause: error });
  }
}

const largestUnpacked = 512 * 1024 * 1024;

/** The text of a file stored in a line; of a table its JSON. @throws Refusal `trace.unusable` for one that lies beside it. */
export function textOf(file: StoredFile): string {
  if (file.encoding === "aside") throw new Refusal("trace.unusable", "A recorded file is too long for its use.", {});
  if (file.encoding === "text") return String(file.content);
  return file.encoding === "table" ? JSON.stringify(file.content) : unpacked(file.content).toString("utf8");
}

export function hashOfStored({ encoding, content }: Inline): string {
  return sha256(`${encoding}\n${canonicalJson(content)}`);
}

/** Writes a file from a trace. @throws Refusal `trace.unusable` when the content cannot be read. */
export async function restoreFile(path: string, file: StoredFile, change: Change): Promise<void> {
  try {
    if (file.encoding === "aside" && isParquet(path)) return await restoreRows(path, file, change);
    if (isParquet(path)) return await restoreTable(path, restoreValue(file), change);
    if (file.encoding === "aside") return await writeAtomic(path, changed(readAside(file), change));
    if (file.encoding !== "gzip") return await writeAtomic(path, change(textOf(file)));
    const bytes = unpacked(file.content);
    const text = bytes.toString("utf8");
    await writeAtomic(path, Buffer.from(text, "utf8").equals(bytes) ? change(text) : bytes);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("trace.unusable", "A recorded file cannot be restored.", { path }, { cause: error });
  }
}

async function* changed(pieces: AsyncIterable<string>, change: Change): AsyncGenerator<string> {
  for await (const piece of pieces) yield change(piece);
}
