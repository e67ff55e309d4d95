import { gunzipSync, gzipSync } from "node:zlib";
import { type ParquetColumn, readParquet, writeParquet } from "../data/parquet.ts";
import { Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { parseJson } from "../fs/json.ts";
import { readBytes } from "../fs/read.ts";
import { mapTexts } from "./symbols.ts";

/** A file's content as a trace keeps it: paths and stamps are names in texts and tables. */
export type StoredFile = { readonly encoding: "text" | "table" | "gzip"; readonly content: unknown };

/** Longer texts are compressed: nobody reads their difference line by line. */
const longText = 65_536;
type Change = (text: string) => string;

/**
 * What is kept whole: texts that gates parse, which compress well; tables, whose vectors do not; of anything else,
 * images and checkpoints, up to a few kilobytes.
 */
const caps = { text: 16 * 1024 * 1024, table: 256 * 1024, opaque: 2048 };
const textNames = /\.(csv|json|jsonl|yaml|yml|txt|log)$/i;

/** Whether a file of this name and size is kept whole. */
export function isKept(path: string, size_bytes: number): boolean {
  if (textNames.test(path)) return size_bytes <= caps.text;
  return size_bytes <= (isParquet(path) ? caps.table : caps.opaque);
}

/** A plain value as a trace keeps it. */
export function storeValue(value: unknown, change: Change): StoredFile {
  const content = mapTexts(value, change);
  const json = JSON.stringify(content);
  return json.length <= longText ? { encoding: "table", content } : compressed(json);
}

/** The value again. */
export function restoreValue({ encoding, content }: StoredFile, change: Change): unknown {
  return mapTexts(encoding === "gzip" ? parseJson(unpacked(content).toString("utf8")) : content, change);
}

/** Reads a file for a trace. Parquet becomes its rows, so that paths in it can get names. */
export async function storeFile(path: string, change: Change): Promise<StoredFile> {
  if (isParquet(path)) return storeValue(await tableOf(path), change);
  const bytes = Buffer.from(await readBytes(path));
  const text = bytes.toString("utf8");
  const isText = Buffer.from(text, "utf8").equals(bytes);
  if (isText && text.length <= longText) return { encoding: "text", content: change(text) };
  return compressed(isText ? change(text) : bytes);
}

const isParquet = (path: string): boolean => /\.parquet$/i.test(path);

function compressed(data: string | Buffer): StoredFile {
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

/** The text of a stored file; of a table its JSON. */
export function textOf({ encoding, content }: StoredFile): string {
  if (encoding === "text") return String(content);
  return encoding === "table" ? JSON.stringify(content) : unpacked(content).toString("utf8");
}

export function hashOfStored({ encoding, content }: StoredFile): string {
  return sha256(`${encoding}\n${canonicalJson(content)}`);
}

/** Writes a file from a trace. @throws Refusal `trace.unusable` when the content cannot be read. */
export async function restoreFile(path: string, file: StoredFile, change: Change): Promise<void> {
  try {
    if (isParquet(path)) return await writeParquet(path, restoreValue(file, change) as ParquetColumn[]);
    if (file.encoding === "text") return await writeAtomic(path, change(String(file.content)));
    const bytes = unpacked(file.content);
    const text = bytes.toString("utf8");
    await writeAtomic(path, Buffer.from(text, "utf8").equals(bytes) ? change(text) : bytes);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("trace.unusable", "A recorded file cannot be restored.", { path }, { cause: error });
  }
}

async function tableOf(path: string): Promise<ParquetColumn[]> {
  const { columns, rows } = await readParquet(path);
  return columns.map((name): ParquetColumn => {
    const cells = rows.map((row) => row[name]);
    const sample = cells.find((cell) => cell !== null && cell !== undefined);
    if (typeof sample === "number" || typeof sample === "bigint") {
      return { name, type: "double", values: cells.map(Number) };
    }
    if (Array.isArray(sample) || ArrayBuffer.isView(sample)) {
      return { name, type: "double_list", values: cells.map((cell) => Array.from((cell ?? []) as number[], Number)) };
    }
    return { name, type: "string", values: cells.map((cell) => String(cell ?? "")) };
  });
}
