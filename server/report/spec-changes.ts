import { yamlData } from "../data/yaml.ts";
import { Refusal } from "../errors.ts";
import { readTextIfPresent } from "../fs/read.ts";
import { defined } from "../run/defined.ts";
import type { SpecChange } from "./model.ts";

/** The differences of two flattened specs by key; equal values are left out. Pure. */
export function specChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): SpecChange[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const [old, fresh] = [before.get(key), after.get(key)];
    if (old === fresh) return [];
    return [{ key, ...defined({ before: old, after: fresh }) }];
  });
}

/** A YAML file as dotted keys with their values written out; undefined when there is no readable one. */
export async function flatSpec(path: string): Promise<Map<string, string> | undefined> {
  try {
    const text = await readTextIfPresent(path);
    if (text === undefined) return undefined;
    const flat = new Map<string, string>();
    flatten(yamlData(text, path), "", flat);
    return flat;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function flatten(value: unknown, key: string, into: Map<string, string>): void {
  if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [name, member] of Object.entries(value)) flatten(member, key === "" ? name : `${key}.${name}`, into);
  } else into.set(key, typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
}
