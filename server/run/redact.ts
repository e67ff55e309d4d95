import { excerpt } from "../errors.ts";
import type { Env } from "./env.ts";

/** Enough to cut a secret out whole that begins in what is shown. */
const lookBytes = 16_384;

const shapes =
  /\b(?:nvapi-[\w-]{8,}|hf_\w{6,}|gh[pousr]_\w{8,}|AKIA[0-9A-Z]{12,}|xox[a-z]-[\w-]{8,}|sk-[\w-]{12,}|ey[\w-]{10,300}\.[\w-]{10,}\.[\w-]+)/g;
/** A switch with such a name (`use_summary_token: true`) holds no secret. */
const assignments =
  /\b((?:[A-Z_]*(?:TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|NGC_KEY)|access_key)\s*[=:]\s*)(?!(?:true|false|null|none)(?![\w.-]))["']?[^\s"',]{4,}/gi;
const bearer = /\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/g;
const secretName = /TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|NGC_KEY|CREDENTIAL/;

/** Names of the variables that hold secrets. Presence counts for the loop; values never leave the process. */
export function secretNames(env: Env): string[] {
  return Object.keys(env).filter((name) => secretName.test(name) && env[name]);
}

/** Returns what takes secrets out of a text: values of this environment, known shapes, `X_TOKEN=...`, bearer headers. */
export function redactor(env: Env): (text: string) => string {
  const values = secretNames(env).flatMap((name) => env[name] ?? []);
  const known = values.filter((value) => value.length > 5).sort((a, b) => b.length - a.length);
  return (text) => {
    const bare = known.reduce((rest, value) => rest.replaceAll(value, "[redacted]"), text);
    return bare.replace(shapes, "[redacted]").replace(assignments, "$1[redacted]").replace(bearer, "$1 [redacted]");
  };
}

/** Takes what looks like a secret out of what another program printed; values of the environment need a `redactor`. */
export const redact = redactor({});

/** The start of what another program printed, without secrets; the rest, however long, costs nothing. */
export function redactedExcerpt(text: string, limit?: number): string {
  return excerpt(redact(text.slice(0, lookBytes)), limit);
}

/** The same for every text in a plain value; keys and other values stay. */
export function redactDeep<T>(value: T, redact: (text: string) => string): T {
  if (typeof value === "string") return redact(value) as T;
  if (Array.isArray(value)) return value.map((one) => redactDeep<unknown>(one, redact)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, redactDeep<unknown>(one, redact)])) as T;
}
