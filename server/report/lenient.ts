import { Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { readTextIfPresent } from "../fs/read.ts";
import { membersOf } from "../run/record.ts";

/** Takes a sentence on what the report cannot show. */
export type Note = (sentence: string) => void;

/** A JSON object from disk; anything else, or no readable file, is an empty one. */
export async function readObject(path: string | undefined): Promise<Record<string, unknown>> {
  try {
    const text = path === undefined ? undefined : await readTextIfPresent(path);
    return membersOf(text === undefined ? undefined : parseJson(text));
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return {};
    throw error;
  }
}

export { membersOf as asObject };
