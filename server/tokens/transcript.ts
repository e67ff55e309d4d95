import { readChunks } from "../fs/chunks.ts";
import { parseJson } from "../fs/json.ts";
import { isRecord, membersOf } from "../run/record.ts";
import { type Message, microsOf } from "./align.ts";

/** A message together with what tells it apart: several lines of a transcript may carry the same one. */
export type Sighting = { readonly id: string | undefined; readonly message: Message };

const newline = 10;
/** No usage record is nearly that long; longer lines are passed over without being kept. */
const longestLine = 32 * 1024 * 1024;
/** Every usage record has this key spelled so. Inside a quoted text it would carry a backslash. */
const mark = Buffer.from('"usage"');

/**
 * Finds the model calls of one transcript, in its order, and hands each to `found`.
 *
 * Only lines that can be usage records are parsed; anything else, broken lines among it, costs a scan. Memory holds
 * one line at most, whatever the file's length.
 *
 * @throws Refusal `input.unreadable-file`.
 */
export async function readTranscript(path: string, found: (sighting: Sighting) => void): Promise<void> {
  let open: Buffer[] = [];
  let openBytes = 0;
  for await (const piece of readChunks(path)) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const first = chunk.indexOf(newline);
    if (openBytes <= longestLine) open.push(Buffer.from(first < 0 ? chunk : chunk.subarray(0, first)));
    openBytes += first < 0 ? chunk.length : first;
    if (first < 0) continue;
    if (openBytes <= longestLine) readLines(Buffer.concat(open), found);
    const last = chunk.lastIndexOf(newline);
    if (last > first) readLines(chunk.subarray(first + 1, last), found);
    open = [Buffer.from(chunk.subarray(last + 1))];
    openBytes = chunk.length - last - 1;
  }
  if (openBytes <= longestLine) readLines(Buffer.concat(open), found);
}

/** Goes from mark to mark, not from line to line: most of a transcript is the output of tools. */
function readLines(lines: Buffer, found: (sighting: Sighting) => void): void {
  for (let at = lines.indexOf(mark); at >= 0; ) {
    const start = lines.lastIndexOf(newline, at) + 1;
    const following = lines.indexOf(newline, at);
    const end = following < 0 ? lines.length : following;
    const sighting = sightingOf(lines.toString("utf8", start, end));
    if (sighting !== undefined) found(sighting);
    at = end + 1 < lines.length ? lines.indexOf(mark, end + 1) : -1;
  }
}

function sightingOf(line: string): Sighting | undefined {
  const { type, timestamp, message: told } = membersOf(parsed(line));
  const message = membersOf(told);
  if (type !== "assistant" || !isRecord(message.usage)) return undefined;
  const at = typeof timestamp === "string" ? microsOf(timestamp) : undefined;
  if (at === undefined) return undefined;
  const id = typeof message.id === "string" && message.id !== "" ? message.id : undefined;
  return {
    id,
    message: { at, model: typeof message.model === "string" ? message.model : "", ...countsOf(message.usage) },
  };
}

function countsOf(usage: Record<string, unknown>): Omit<Message, "at" | "model"> {
  const breakdown = membersOf(usage.cache_creation);
  const created = count(usage.cache_creation_input_tokens);
  const hour = count(breakdown.ephemeral_1h_input_tokens);
  const fiveMinutes = count(breakdown.ephemeral_5m_input_tokens);
  return {
    input: count(usage.input_tokens),
    output: count(usage.output_tokens),
    cache_read: count(usage.cache_read_input_tokens),
    cache_create: created,
    cache_create_5m: hour === 0 && fiveMinutes === 0 ? created : fiveMinutes,
    cache_create_1h: hour,
  };
}

function parsed(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}

/** What is no count is none: the log takes whole numbers only, and must stay readable whatever a transcript says. */
function count(value: unknown): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Math.min(Number(value), largestCount) : 0;
}

/** No call has so many tokens, and sums of these stay exact. */
const largestCount = 1_000_000_000;
