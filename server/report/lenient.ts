import { Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { readTextIfPresent } from "../fs/read.ts";

/** A JSON object from disk; anything else, or no readable file, is an empty one. */
export async function readObject(path: string | undefined): Promise<Record<string, unknown>> {
  try {
    const text = path === undefined ? undefined : await readTextIfPresent(path);
    return asObject(text === undefined ? undefined : parseJson(text));
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** The value when it is an object with members, else an empty one. */
export function asObject(value: unknown): Record<string, unknown> {
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : {};
}
