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
  const decoder = new StringDecoder("utf8");
  let held = "";
  for await (const piece of readChunks(path)) {
    const lines = (held + decoder.write(piece)).split("\n");
    held = lines.pop() ?? "";
    if (held.length > limits.json_characters) throw tooLarge(path, held.length, limits.json_characters);
    yield lines.filter((line) => line.trim() !== "");
  }
  held += decoder.end();
  if (held.trim() !== "") yield [held];
}
