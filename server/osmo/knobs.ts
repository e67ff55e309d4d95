import { excerpt, Refusal } from "../errors.ts";
import { parseJson } from "../fs/json.ts";
import { survivesCasting } from "./casting.ts";
import type { Flow, Knob } from "./flow.ts";
import { imageEditModel } from "./knob-table.ts";
import { unknownName } from "./names.ts";
import { defectModes, type Usecase, usecases } from "./usecases.ts";

/**
 * The value of one knob as text, after proof that the flow has the knob and that OSMO will read it as meant. Lists are
 * taken where a knob holds several values. `argument` is what the caller passed, when that was not the knob itself.
 *
 * @throws Refusal `osmo.unknown-knob`, `osmo.ignored-knob`, `osmo.fixed-knob`, `osmo.mangled-name`, `osmo.bad-knob`,
 * `osmo.unknown-name`.
 */
export function checkKnob(flow: Flow, key: string, raw: unknown, argument = `knobs.${key}`): string {
  const knob = knobOf(flow, key, argument);
  const value = knob.kind === "pairs" ? pairsText(raw, argument) : textOf(knob, raw);
  if (knob.fixed && value !== knob.default) throw fixed(flow, key, value, knob);
  const plain = value === value.trim() && !/['\n\r]|\{\{|\{%|\{#/.test(value);
  if (!plain || !fits(knob, value)) {
    throw new Refusal("osmo.bad-knob", `${argument} must be ${formOf(knob)}.`, {
      argument,
      value: excerpt(typeof raw === "string" ? raw : (JSON.stringify(raw) ?? "")),
      form: plain ? formOf(knob) : `${formOf(knob)}; no blanks around it, quotes, line breaks or template marks`,
    });
  }
  if (["name", "path"].includes(knob.kind) && !survivesCasting(value)) {
    const spelling = /^\d+(_\d+)+$/.test(value) ? value.replaceAll("_", "") : `n-${value}`;
    const facts = { argument, value, use: spelling };
    throw new Refusal("osmo.mangled-name", `OSMO reads ${key}=${excerpt(value, 40)} as a number.`, facts);
  }
  return value;
}

/** Every knob of a flow with the values that it takes and its default: `num_sdg: a whole number from 1 [30]`. */
export function knobForms(flow: Flow): string[] {
  return Object.entries(flow.knobs).map(([key, knob]) => {
    const standing = knob.default === null ? "" : ` [${knob.default}]`;
    return `${key}: ${knob.fixed ? "fixed" : formOf(knob)}${standing}`;
  });
}

function knobOf(flow: Flow, key: string, argument: string): Knob {
  if (key === "name") {
    const why = "The run name is stamped by the server; a pair reuses one with pair_with.";
    throw new Refusal("osmo.fixed-knob", why, { argument });
  }
  if (Object.hasOwn(flow.knobs, key)) return flow.knobs[key] as Knob;
  const instead = Object.hasOwn(flow.ignored, key) ? flow.ignored[key] : undefined;
  if (instead !== undefined) {
    throw new Refusal("osmo.ignored-knob", `${flow.id} does not read ${key}.`, { flow: flow.id, argument, instead });
  }
  throw new Refusal("osmo.unknown-knob", `${flow.id} has no knob ${JSON.stringify(excerpt(key, 40))}.`, {
    flow: flow.id,
    argument: excerpt(argument, 60),
    knobs: knobForms(flow),
  });
}

/** A list becomes the text that the knob's pod splits again; anything else that is no plain value is no value. */
function textOf(knob: Knob, raw: unknown): string {
  const separator = { modes: ",", sizes: " " }[knob.kind as string];
  if (Array.isArray(raw) && separator !== undefined) return raw.map(String).join(separator);
  return typeof raw === "object" ? "" : String(raw);
}

/** Pairs as JSON; a defect may be given by its name alone, since no two use cases share one. */
function pairsText(raw: unknown, argument: string): string {
  if (typeof raw === "string" && !/^\s*\[/.test(raw)) return pairsText(raw.split(","), argument);
  if (!Array.isArray(raw)) return typeof raw === "string" ? raw : "";
  return JSON.stringify(raw.map((each) => (typeof each === "string" ? pairNamed(each, argument) : each)));
}

function pairNamed(name: string, argument: string): Usecase["pairs"][number] {
  const all = Object.values(usecases).flatMap(({ pairs }) => pairs);
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/^mt_/, "")
      .replace(/[\s_-]+/g, "_");
  const wanted = name.split(/[/+]/).map(plain);
  const found = all.find(([material, defect]) => {
    const [first, second] = wanted;
    return second === undefined ? plain(defect) === first : plain(material) === first && plain(defect) === second;
  });
  if (found) return found;
  throw unknownName(
    argument,
    name,
    all.map(([, defect]) => defect),
  );
}

function fixed(flow: Flow, key: string, value: string, knob: Knob): Refusal {
  const why =
    key === "image_edit_model"
      ? `Only ${imageEditModel} is used: a generic image-edit model lowers the quality without any sign.`
      : `${flow.id} works with ${key}=${knob.default} only.`;
  const facts = { flow: flow.id, argument: `knobs.${key}`, value: excerpt(value), fixed: knob.default };
  return new Refusal("osmo.fixed-knob", why, facts);
}

const patterns: Partial<Record<Knob["kind"], readonly [RegExp, string]>> = {
  boolean: [/^(true|false)$/, "true or false"],
  patches: [/^(-1|[1-9]\d*)$/, "-1 (every cell) or a whole number from 1"],
  "crop-cap": [/^(|null|[1-9]\d*)$/, "empty (the cookbook's cap), null (no cap) or a whole number from 1"],
  quantity: [/^[1-9]\d*(T|Ti|TiB|G|Gi|GiB|M|Mi|MiB)$/, "a quantity such as 64Gi"],
  duration: [/^([1-9]\d*(d|h|m|s)|PT?[0-9DTHMS]+)$/, "one duration such as 28h"],
  "storage-url": [
    /^(s3|gs|swift|tos|azure):\/\/[^\s,;*'"{}]+[^\s,;*'"/{}]$/,
    "a storage prefix such as s3://bucket/dig",
  ],
  "http-url": [/^https?:\/\/[^\s'"@{}]+\/v1$/, "an http(s) URL that ends in /v1, without user name or password"],
  path: [/^[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._/-]*$/, "a relative path of letters, digits, dot, dash, underscore, slash"],
  name: [/^[A-Za-z0-9][A-Za-z0-9_-]*$/, "letters, digits, dash and underscore"],
  "workflow-name": [/^[A-Za-z](?:[A-Za-z0-9_-]{0,48}[A-Za-z0-9])?$/, "a name of at most 50 letters, digits, - and _"],
  image: [/^[A-Za-z0-9][A-Za-z0-9._:@/-]+$/, "a container image reference"],
  sizes: [/^(2B|14B|2B 14B)$/, '"2B", "14B" or both in a list'],
};

function formOf(knob: Knob): string {
  if (knob.kind === "integer") return `a whole number from ${knob.min}`;
  if (knob.kind === "choice") return `one of ${knob.of.join(", ")}`;
  if (knob.kind === "pairs") return 'a list of defects such as ["bridge"] or of pairs such as [["IC","bridge"]]';
  if (knob.kind === "modes") return `all, or a list of ${defectModes.join(", ")}`;
  return patterns[knob.kind]?.[1] ?? "text";
}

function fits(knob: Knob, value: string): boolean {
  if (knob.kind === "integer") {
    return /^\d+$/.test(value) && Number(value) >= knob.min && Number.isSafeInteger(Number(value));
  }
  if (knob.kind === "choice") return knob.of.includes(value);
  if (knob.kind === "pairs") return isPairs(value);
  if (knob.kind === "modes") return isModes(value);
  return patterns[knob.kind]?.[0].test(value) ?? false;
}

function isPairs(value: string): boolean {
  try {
    const parsed: unknown = parseJson(value);
    return (
      Array.isArray(parsed) &&
      parsed.length > 0 &&
      new Set(parsed.map((pair) => JSON.stringify(pair))).size === parsed.length &&
      parsed.every(
        (pair) =>
          Array.isArray(pair) && pair.length === 2 && pair.every((part) => /^[A-Za-z0-9][\w-]*$/.test(String(part))),
      )
    );
  } catch {
    return false;
  }
}

function isModes(value: string): boolean {
  const known: readonly string[] = defectModes;
  const modes = value.split(",");
  return value === "all" || (modes.every((mode) => known.includes(mode)) && new Set(modes).size === modes.length);
}
