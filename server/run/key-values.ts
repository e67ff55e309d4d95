import { z } from "zod";
import { excerpt } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { isRecord } from "./record.ts";

/** The two sides of `KEY=VALUE`; undefined for text that is none. */
export function keyValueOf(text: string): readonly [key: string, value: string] | undefined {
  const [, key, value = ""] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
  return key === undefined ? undefined : [key.trim(), value];
}

/** A record never has a member of this name: it would be left out without a word. */
const lostName = "__proto__";
const noSuchName = `takes no name ${lostName}`;

/**
 * An argument that takes names which no schema lists. Clients with strict schemas can send no open object, so it is shown
 * as a list of `KEY=VALUE`; an object of the same is taken as well. `read` makes of the text of a pair the value it means.
 */
export function keyValuesField<Value>(value: z.ZodType<Value>, read: (text: string) => unknown = (text) => text) {
  return z
    .unknown()
    .meta({ type: "array", items: { type: "string" } })
    .transform((given, { addIssue }) => {
      if (!Array.isArray(given)) {
        if (isRecord(given) && Object.hasOwn(given, lostName)) addIssue(noSuchName);
        return given;
      }
      const pairs = given.map((each) => (typeof each === "string" ? keyValueOf(each) : undefined));
      const found = new Map(pairs.filter((pair) => pair !== undefined));
      const wrong = given[pairs.indexOf(undefined)];
      if (wrong !== undefined) addIssue(`takes a list of KEY=VALUE, not ${excerpt(JSON.stringify(wrong), 60)}`);
      else if (found.size < given.length) addIssue("takes each name once");
      else if (found.has(lostName)) addIssue(noSuchName);
      return Object.fromEntries([...found].map(([key, text]) => [key, read(text)]));
    })
    .pipe(z.record(z.string(), value, "takes a list of KEY=VALUE"));
}

/** Text that is a list in JSON as that list, other text as it is. */
export function listOrText(text: string): unknown {
  if (!text.trimStart().startsWith("[")) return text;
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** The list that means these values. */
export function keyValues(values: Readonly<Record<string, unknown>>): string[] {
  const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.entries(values).map(([key, value]) => `${key}=${textOf(value)}`);
}
