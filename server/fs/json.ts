import { Refusal } from "../errors.ts";
import { writeAtomic } from "./atomic.ts";
import { limits } from "./limits.ts";
import { readText, readTextIfPresent } from "./read.ts";

/**
 * Parses JSON that somebody else wrote. Values nest no deeper than what code that walks them bears.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  if (text.length > limits.json_characters) throw new SyntaxError("The text is too long for one JSON value");
  if (isDeep(text)) throw new SyntaxError(`The value nests deeper than ${limits.json_depth}`);
  return JSON.parse(text);
}

/** Whether a value that others parsed nests no deeper than `parseJson` allows. */
export function isShallow(value: unknown, depth: number = limits.json_depth): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isShallow(member, depth - 1));
}

/** Parses a JSON file. @throws Refusal `input.unreadable-file` or `input.bad-json`. */
export async function readJson(path: string): Promise<unknown> {
  return parsedFile(await readText(path), path);
}

/** Replaces a file by a value as indented JSON, whole or not at all. @throws Refusal `input.write-failed`. */
export async function writeJson(path: string, value: unknown, mode?: number): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`, mode);
}

/** A schema in so far as it parses: this layer knows no library. */
type Schema<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };

/** A record that the server wrote. @throws Refusal `input.unreadable-file`; `input.bad-json` for another shape. */
export async function readAs<T>(path: string, schema: Schema<T>): Promise<T> {
  return recordIn(await readText(path), path, schema);
}

/** Like `readAs`, but a record that is not there is `undefined`. */
export async function readAsIfPresent<T>(path: string, schema: Schema<T>): Promise<T | undefined> {
  const text = await readTextIfPresent(path);
  return text === undefined ? undefined : recordIn(text, path, schema);
}

function recordIn<T>(text: string, path: string, schema: Schema<T>): T {
  const parsed = schema.safeParse(parsedFile(text, path));
  if (parsed.success) return parsed.data;
  throw new Refusal("input.bad-json", `${path} is not the record that this server writes.`, { path });
}

function parsedFile(text: string, path: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new Refusal("input.bad-json", `${path} is not valid JSON.`, { path }, { cause: error });
  }
}

const [quote, backslash, openList, closeList, openMap, closeMap] = [...'"\\[]{}'].map((one) => one.charCodeAt(0));

function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfText(text, at);
    else if (code === openList || code === openMap) {
      if (++depth > limits.json_depth) return true;
    } else if (code === closeList || code === closeMap) depth--;
  }
  return false;
}

/** Where the quoted text that opens at `open` closes. */
function endOfText(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
  }
  return text.length;
}
