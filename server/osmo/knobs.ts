import { excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { survivesCasting } from "./casting.ts";
import type { Flow, Knob } from "./flow.ts";
import { imageEditModel } from "./knob-table.ts";
import { defectModes } from "./usecases.ts";

/**
 * The value of one knob as text, after proof that the flow has the knob and that OSMO will read it as meant.
 *
 * @throws Refusal `osmo.unknown-knob`, `osmo.ignored-knob`, `osmo.fixed-knob`, `osmo.mangled-name`, `osmo.bad-knob`.
 */
export function checkKnob(flow: Flow, key: string, raw: unknown): string {
  const knob = knobOf(flow, key);
  const value = Array.isArray(raw) ? JSON.stringify(raw) : typeof raw === "object" ? "" : String(raw).trim();
  if (knob.fixed && value !== knob.default) throw fixed(flow, key, value, knob);
  if (/['\n\r]/.test(value)) throw bad(key, value, "text without single quotes and line breaks");
  const form = violation(knob, value);
  if (form !== undefined) throw bad(key, value, form);
  if (["name", "path"].includes(knob.kind) && !survivesCasting(value)) {
    const spelling = /^\d+(_\d+)+$/.test(value) ? value.replaceAll("_", "") : `n-${value}`;
    throw new Refusal("osmo.mangled-name", `OSMO reads ${key}=${excerpt(value, 40)} as a number.`, {
      knob: key,
      value,
      use: spelling,
    });
  }
  return value;
}

function knobOf(flow: Flow, key: string): Knob {
  if (key === "name") {
    throw new Refusal("osmo.fixed-knob", "The run name is stamped by the server; a pair reuses one with pair_with.", {
      knob: key,
    });
  }
  const knob = flow.knobs[key];
  if (knob) return knob;
  const instead = flow.ignored[key];
  if (instead !== undefined) {
    throw new Refusal("osmo.ignored-knob", `${flow.id} does not read ${key}.`, { flow: flow.id, knob: key, instead });
  }
  throw new Refusal("osmo.unknown-knob", `${flow.id} has no knob ${excerpt(key, 40)}.`, {
    flow: flow.id,
    knob: key,
    knobs: Object.keys(flow.knobs),
  });
}

function fixed(flow: Flow, key: string, value: string, knob: Knob): Refusal {
  const why =
    key === "image_edit_model"
      ? `Only ${imageEditModel} is used: a generic image-edit model lowers the quality without any sign.`
      : `${flow.id} works with ${key}=${knob.default} only.`;
  return new Refusal("osmo.fixed-knob", why, { flow: flow.id, knob: key, value, fixed: knob.default });
}

function bad(key: string, value: string, form: string): Refusal {
  return new Refusal("osmo.bad-knob", `${key} must be ${form}.`, { knob: key, value: excerpt(value), form });
}

const patterns: Partial<Record<Knob["kind"], readonly [RegExp, string]>> = {
  boolean: [/^(true|false)$/, "`true` or `false`"],
  patches: [/^(-1|[1-9]\d*)$/, "-1 for every cell, or a positive count (0 renders nothing)"],
  "crop-cap": [/^(|null|[1-9]\d*)$/, "empty for the cookbook's cap, `null` for no cap, or a positive count"],
  quantity: [/^[1-9]\d*(T|Ti|TiB|G|Gi|GiB|M|Mi|MiB)$/, "a quantity such as 64Gi"],
  duration: [/^([1-9]\d*(d|h|m|s)|PT?[0-9DTHMS]+)$/, "one duration such as 28h"],
  "storage-url": [/^(s3|gs|swift|tos|azure):\/\/[^\s,;*'"]+[^\s,;*'"/]$/, "a storage prefix such as s3://bucket/dig"],
  "http-url": [/^https?:\/\/[^\s'"@]+\/v1$/, "an http(s) URL that ends in /v1, without user name or password"],
  path: [/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, "a relative path of letters, digits, dot, dash, underscore and slash"],
  name: [/^[A-Za-z0-9][A-Za-z0-9_-]*$/, "letters, digits, dash and underscore"],
  image: [/^[A-Za-z0-9][A-Za-z0-9._:@/-]+$/, "a container image reference"],
  sizes: [/^(2B|14B|2B 14B)$/, "`2B`, `14B` or `2B 14B`"],
};

/** The form that a value misses, or undefined when it is well formed. */
function violation(knob: Knob, value: string): string | undefined {
  switch (knob.kind) {
    case "integer":
      return /^\d+$/.test(value) && Number(value) >= knob.min && Number.isSafeInteger(Number(value))
        ? undefined
        : `a whole number from ${knob.min}`;
    case "choice":
      return knob.of.includes(value) ? undefined : `one of ${knob.of.join(", ")}`;
    case "pairs":
      return isPairs(value) ? undefined : 'a non-empty JSON list of pairs such as [["IC","bridge"]]';
    case "modes":
      return modesViolation(value);
    default: {
      const [pattern, form] = patterns[knob.kind] ?? [];
      if (knob.kind === "path" && value.split("/").includes("..")) return "a path without `..`";
      return pattern?.test(value) ? undefined : form;
    }
  }
}

function isPairs(value: string): boolean {
  try {
    const parsed: unknown = parseJson(value);
    return (
      Array.isArray(parsed) &&
      parsed.length > 0 &&
      parsed.every(
        (pair) =>
          Array.isArray(pair) && pair.length === 2 && pair.every((part) => /^[A-Za-z0-9][\w-]*$/.test(String(part))),
      )
    );
  } catch {
    return false;
  }
}

function modesViolation(value: string): string | undefined {
  const known: readonly string[] = defectModes;
  const modes = value.split(",");
  const fine = value === "all" || (modes.every((mode) => known.includes(mode)) && new Set(modes).size === modes.length);
  return fine ? undefined : `\`all\` or a comma list without blanks of ${known.join(",")}`;
}
