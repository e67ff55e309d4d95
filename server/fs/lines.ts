import { StringDecoder } from "node:string_decoder";
import { readChunks } from "./chunks.ts";
import { limits } from "./limits.ts";
import { tooLarge } from "./regular-file.ts";

/**
 * The lines of a text with their numbers, the first being 1; blank ones are left out. One at a time: a file of nothing
 * but line ends would fill the memory as a list.
 */
export function* linesIn(text: string): Generator<readonly [line: string, number: number]> {
  for (let from = 0, number = 1; from < text.length; number++) {
    const at = text.indexOf("\n", from);
    const end = at < 0 ? text.length : at;
    if (end > from) {
      const line = text.slice(from, end);
      if (line.trim() !== "") yield [line, number];
    }
    from = end + 1;
  }
}

/**
 * The lines of a file that may be longer than any text, some at a time; blank ones are left out.
 *
 * @throws Refusal `input.unreadable-file`, also for a line beyond the limit of one JSON text.
 */
export async function* linesOfFile(path: string): AsyncGenerator<string[], void, undefined> {
  for await (const piece of wholeLines(readChunks(path), path)) {
    yield piece.split("\n").filter((line) => line.trim() !== "");
  }
}

/**
 * UTF-8 bytes as pieces of text that end with a line; the last one ends as the bytes do.
 *
 * @throws Refusal `input.unreadable-file` for a line beyond the limit of one JSON text.
 */
export async function* wholeLines(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder("utf8");
  let held = "";
  for await (const piece of bytes) {
    const text = decoder.write(piece);
    const end = text.lastIndexOf("\n") + 1;
    const whole = end > 0 ? held + text.slice(0, end) : "";
    held = end > 0 ? text.slice(end) : held + text;
    if (held.length > limits.json_characters) throw tooLarge(path, held.length, limits.json_characters);
    if (end > 0) yield whole;
  }
  held += decoder.end();
  if (held !== "") yield held;
}
