import type { z } from "zod";
import { excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import type { Env } from "../run/env.ts";
import { nearest } from "../run/nearest.ts";
import { isRecord } from "../run/record.ts";
import { pathMeant } from "./given-paths.ts";

/** What else decides how arguments are read. */
type Reading = {
  readonly env?: Env;
  /** Optional text for which an empty string is a value of its own. */
  readonly keepsBlank?: readonly string[];
};

/**
 * Parses a call's arguments by the tool's strict schema, as clients send them: null, and for optional text an empty
 * string, means absent; numbers, booleans and objects may come as JSON text.
 *
 * @throws Refusal `input.unknown-field` with the nearest known name, or `input.invalid` naming each bad argument.
 */
export function parseArguments<In extends z.ZodObject>(
  schema: In,
  given: unknown,
  reading: Reading = {},
): z.output<In> {
  const parsed = schema.safeParse(asMeant(schema, given ?? {}, reading));
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.flatMap((one) => (one.code === "unrecognized_keys" && one.path.length === 0 ? one.keys : []));
  const first = unknown[0];
  if (first !== undefined) {
    const known = Object.keys(schema.shape);
    const facts = { unknown: unknown.map((name) => excerpt(name, 60)), nearest: nearest(first, known), known };
    throw new Refusal("input.unknown-field", `There is no argument ${JSON.stringify(excerpt(first, 60))}.`, facts);
  }
  const problems = issues.slice(0, 8).map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`);
  throw new Refusal("input.invalid", problems[0] ?? "The arguments do not fit.", { problems });
}

function asMeant(schema: z.ZodObject, given: unknown, { env = {}, keepsBlank = [] }: Reading): unknown {
  if (!isRecord(given) || Array.isArray(given)) return given;
  const meant: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const name = nameMeant(schema, given, key);
    const field = Object.hasOwn(schema.shape, name) ? (schema.shape[name] as Field) : undefined;
    // An unknown name is told of even where nothing was given for it.
    if (field === undefined) meant[name] = value;
    else if (value === null) continue;
    else if (typeof value !== "string") meant[name] = value;
    else if (value.trim() === "" && isOptional(field) && !keepsBlank.includes(name)) continue;
    else meant[name] = textMeant(name, value, kindOfField(field), env);
  }
  return meant;
}

/** Names under which other tools return what `run` takes. */
const returnedAs = ["run_dir", "run_id", "workflow_id"];

function nameMeant(schema: z.ZodObject, given: Readonly<Record<string, unknown>>, name: string): string {
  const isOurs = Object.hasOwn(schema.shape, name) || !returnedAs.includes(name);
  return isOurs || !Object.hasOwn(schema.shape, "run") || (given.run ?? null) !== null ? name : "run";
}

type Field = { readonly def: { readonly type: string; readonly innerType?: Field } };

function isOptional({ def }: Field): boolean {
  return def.type === "optional" || def.type === "default";
}

function kindOfField({ def }: Field): string {
  return def.innerType === undefined ? def.type : kindOfField(def.innerType);
}

const numberText = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Text for something that is none: taken where only one reading is possible, left to the schema otherwise. */
function textMeant(name: string, text: string, kind: string, env: Env): unknown {
  const bare = text.trim();
  if (kind === "string") return pathMeant(name, text, env);
  if (kind === "number" && numberText.test(bare)) return Number(bare);
  if (kind === "boolean" && /^(?:true|false)$/i.test(bare)) return bare.toLowerCase() === "true";
  // A pipe takes a list or an object.
  if (["object", "record", "pipe"].includes(kind) && bare.startsWith("{")) return jsonOr(text);
  if (["array", "pipe"].includes(kind) && bare.startsWith("[")) return jsonOr(text);
  return kind === "enum" ? bare : text;
}

function jsonOr(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
