import { z } from "zod";
import { excerpt, Refusal } from "../errors.ts";
import type { Env } from "./env.ts";
import type { Platform } from "./labels.ts";
import { likely } from "./nearest.ts";
import { secretNames } from "./redact.ts";

export const settingValueSchema = z.union([z.string(), z.number(), z.boolean()]);
export type SettingValue = z.infer<typeof settingValueSchema>;
export type SettingValues = Readonly<Record<string, SettingValue>>;

/** Who said so: the request, the environment of the server, nobody, or the platform itself when it was looked at. */
const settingSources = ["user", "environment", "default", "found"] as const;
type SettingSource = (typeof settingSources)[number];

/** Settings of a platform as a plan keeps them, each with where it came from. */
export const settingsSchema = z.record(
  z.string(),
  z.object({ value: settingValueSchema, source: z.enum(settingSources) }),
);
export type Settings = Readonly<Record<string, { readonly value: SettingValue; readonly source: SettingSource }>>;

/** What can be set of a platform. */
export type SettingsDeclaration = {
  /** Strict; every field is optional or has a default. */
  readonly schema: z.ZodObject;
  /** Variables that are not named `DEFT_<PLATFORM>_<KEY>`. */
  readonly variables?: Readonly<Record<string, string>>;
};

export function valuesOf(settings: Settings): SettingValues {
  return Object.fromEntries(Object.entries(settings).map(([key, { value }]) => [key, value]));
}

/**
 * The settings of a platform: from the request, else from the environment, else their default.
 *
 * @throws Refusal `input.unknown-field` for a key that the platform has not, `input.invalid` for a value that it cannot
 * take, or that is the value of a secret.
 */
export function resolveSettings(
  platform: Platform,
  declared: SettingsDeclaration | undefined,
  given: SettingValues,
  env: Env,
): Settings {
  const fields = declared?.schema.shape ?? {};
  for (const key of Object.keys(given)) if (!Object.hasOwn(fields, key)) throw unknownKey(platform, key, fields);
  const found: Record<string, { value: unknown; source: SettingSource }> = {};
  for (const [key, field] of Object.entries(fields)) {
    const variable = env[declared?.variables?.[key] ?? `DEFT_${platform}_${key}`.toUpperCase()];
    if (given[key] !== undefined) found[key] = { value: read(field as z.ZodType, given[key]), source: "user" };
    else if (variable) found[key] = { value: read(field as z.ZodType, variable), source: "environment" };
  }
  const wish = Object.fromEntries(Object.entries(found).map(([key, { value }]) => [key, value]));
  const parsed = declared?.schema.safeParse(wish) ?? { success: true as const, data: {} };
  if (!parsed.success) throw badValue(platform, parsed.error, wish);
  refuseSecrets(platform, wish, env);
  const values = Object.entries(parsed.data as SettingValues).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    values.map(([key, value]) => [key, { value, source: found[key]?.source ?? ("default" as const) }]),
  );
}

/** A text from a variable or a command line as the number or the switch that the field takes. */
function read(field: z.ZodType, given: SettingValue): SettingValue {
  if (typeof given !== "string" || field.safeParse(given).success) return given;
  const switches: Readonly<Record<string, boolean>> = { true: true, false: false };
  const others = [...(given.trim() === "" ? [] : [Number(given)]), switches[given] ?? given];
  return others.find((value) => field.safeParse(value).success) ?? given;
}

function unknownKey(platform: Platform, key: string, fields: object): Refusal {
  const known = Object.keys(fields);
  const meant = likely(key, known);
  const all = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
  const guess = meant === undefined ? `; ${all}` : `; did you mean ${meant}?`;
  const message = `Platform ${platform} has no setting ${JSON.stringify(excerpt(key, 60))}${guess}`;
  return new Refusal("input.unknown-field", message, { platform, known });
}

function badValue(platform: Platform, { issues }: z.ZodError, wish: Readonly<Record<string, unknown>>): Refusal {
  const [first] = issues;
  const key = String(first?.path[0] ?? "");
  const facts = { platform, setting: key, got: excerpt(String(wish[key] ?? ""), 60) };
  return new Refusal("input.invalid", `Setting ${key} of ${platform}: ${first?.message ?? "does not hold"}.`, facts);
}

/** Settings stand in plans, states and job scripts for everybody to read. */
function refuseSecrets(platform: Platform, wish: Readonly<Record<string, unknown>>, env: Env): void {
  const secrets = new Map(secretNames(env).map((name) => [env[name], name]));
  for (const [setting, value] of Object.entries(wish)) {
    const variable = secrets.get(String(value));
    if (variable === undefined) continue;
    const message = `Setting ${setting} of ${platform} is the value of ${variable}; a secret is never a setting.`;
    throw new Refusal("input.invalid", message, { platform, setting, variable });
  }
}
