import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { yamlData } from "../../server/data/yaml.ts";
import { isRecord } from "../../server/run/record.ts";
import { EngineFailure } from "../failure.ts";

/** A composed experiment spec: nested plain data, as YAML gives it. */
export type SpecTree = { [key: string]: unknown };

/** Which keys a section may have; a section that is not listed takes any. Keyed by the section's dotted path. */
export type KnownKeys = Readonly<Record<string, { schema: string; keys: readonly string[] }>>;

/**
 * Composes a spec file with `a.b.c=value` overrides (Hydra's grammar for plain values; `+` and `++` in front are allowed)
 * and refuses keys that the schema does not have.
 *
 * @throws EngineFailure with Hydra's texts for unreadable YAML, unknown file keys and unknown override keys.
 */
export function composeSpec(path: string, overrides: readonly string[], known: KnownKeys): SpecTree {
  const name = path.replace(/^.*\//, "");
  const tree = parseFile(path, name);
  for (const [section, { schema, keys }] of Object.entries(known)) {
    const found = lookUp(tree, section);
    if (!isRecord(found)) continue;
    for (const key of Object.keys(found)) {
      if (keys.includes(key)) continue;
      throw new EngineFailure("HydraException", `Error merging '${name}' with schema: Key '${key}' not in '${schema}'`);
    }
  }
  for (const text of overrides) applyOverride(tree, text, known);
  return tree;
}

function parseFile(path: string, name: string): SpecTree {
  try {
    const tree: unknown = yamlData(readFileSync(path, "utf8"), name);
    if (isRecord(tree)) return tree;
    if (tree === null) return {};
  } catch (error) {
    throw new EngineFailure("HydraException", `Error loading '${name}': ${String(error)}`, { cause: error });
  }
  throw new EngineFailure("HydraException", `Error loading '${name}': the top level is not a mapping`);
}

function applyOverride(tree: SpecTree, text: string, known: KnownKeys): void {
  const split = /^\+{0,2}([A-Za-z_][\w.]*)=(.*)$/s.exec(text);
  if (split === null) throw new EngineFailure("HydraException", `Error parsing override '${text}'`);
  const way = (split[1] as string).split(".");
  // A plain object's own machinery is no section of a spec.
  if (way.includes("__proto__")) throw new EngineFailure("HydraException", `Error parsing override '${text}'`);
  const key = way.pop() as string;
  const section = way.join(".");
  const rule = known[section];
  if (rule !== undefined && !rule.keys.includes(key)) {
    throw new EngineFailure(
      "HydraException",
      `Could not override '${split[1]}'.\nTo append to your config use +${text}\nKey '${key}' is not in struct`,
    );
  }
  let at = tree;
  for (const step of way) {
    const next = at[step];
    if (isRecord(next)) at = next;
    else {
      const fresh: SpecTree = {};
      at[step] = fresh;
      at = fresh;
    }
  }
  at[key] = parseValue(split[2] as string);
}

function parseValue(text: string): unknown {
  try {
    const value = yamlData(text, "override");
    return value === undefined ? "" : value;
  } catch {
    return text;
  }
}

/** The raw value at a dotted path (the empty path is the whole tree), or undefined. */
export function lookUp(tree: SpecTree, path: string): unknown {
  let at: unknown = tree;
  for (const step of path === "" ? [] : path.split(".")) {
    if (!isRecord(at) || !Object.hasOwn(at, step)) return undefined;
    at = at[step];
  }
  return at;
}

/**
 * The value at a dotted path with every `${other.key}` inside it replaced.
 *
 * @throws EngineFailure `MissingMandatoryValue` for `???`; `HydraException` for a reference to nothing or in a circle.
 */
export function resolveValue(tree: SpecTree, path: string, depth = 0): unknown {
  const value = lookUp(tree, path);
  if (value === "???") throw new EngineFailure("MissingMandatoryValue", `Missing mandatory value: ${path}`);
  if (typeof value !== "string") return value;
  if (depth > 20) throw new EngineFailure("HydraException", `Recursive interpolation at '${path}'`);
  const whole = /^\$\{([\w.]+)\}$/.exec(value);
  if (whole !== null) return referenced(tree, whole[1] as string, depth);
  return value.replace(/\$\{([\w.]+)\}/g, (_, key: string) => String(referenced(tree, key, depth) ?? ""));
}

function referenced(tree: SpecTree, key: string, depth: number): unknown {
  const value = resolveValue(tree, key, depth + 1);
  if (value === undefined) throw new EngineFailure("HydraException", `Interpolation key '${key}' not found`);
  return value;
}

/** The composed spec as YAML text, the content of experiment.yaml and of `--cfg=job`. */
export function specText(tree: SpecTree): string {
  return stringify(tree, { lineWidth: 0 });
}

/** A text value that must be there. @throws EngineFailure `MissingMandatoryValue` as OmegaConf words it. */
export function requiredText(tree: SpecTree, key: string): string {
  const value = resolveValue(tree, key);
  if (value === undefined || value === null || value === "") {
    throw new EngineFailure("MissingMandatoryValue", `Missing mandatory value: ${key}`);
  }
  return String(value);
}

/** A number, or the fallback when the key is absent. @throws EngineFailure `ValueError` for other text. */
export function numberOr(tree: SpecTree, key: string, fallback: number): number {
  const value = resolveValue(tree, key);
  if (value === undefined || value === null) return fallback;
  const found = typeof value === "number" ? value : Number(value);
  if (Number.isFinite(found)) return found;
  throw new EngineFailure("ValueError", `Value '${String(value)}' of '${key}' could not be converted to a number`);
}
