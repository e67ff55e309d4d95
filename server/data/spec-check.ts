import { type Document, isScalar, visit } from "yaml";
import { excerpt } from "../errors.ts";
import { nearest as nearestOf } from "../run/nearest.ts";
import { isRecord } from "../run/record.ts";
import { isOpen, type KeyFacts, type KeyList, keyLists, type Release } from "./spec-keys.ts";
import { yamlDocument, yamlLimits } from "./yaml.ts";

/** Something in a spec that a TAO release would refuse (`halt`), or do otherwise than it reads (`warning` where it may be meant). */
export type SpecFinding = {
  readonly key: string;
  readonly problem: string;
  readonly weight: "halt" | "warning";
  /** The known key that was probably meant. */
  readonly nearest?: string;
};

type Mapping = Readonly<Record<string, unknown>>;

/** Keys of the train sections of other TAO networks, or of releases before 7.0, which circulate in copied specs. */
const gone: ReadonlySet<string> = new Set([
  ...["distributed_strategy", "activation_checkpoint", "clip_grad_norm", "is_dry_run", "enable_ema", "ema"].map(
    (name) => `train.${name}`,
  ),
  ...["train.verbose", "dataset.classify.output_shape", "evaluate.is_quantized", "inference.is_quantized"],
  ...["prune", "distill"],
]);

/**
 * Holds a spec, as `readingOfTao` reads it, against the key list of a release as TAO merges it: unknown and dropped keys, values of another type, null
 * and `???` where a value is needed, values that the release does not list, and numbers that TAO's YAML 1.1 reads
 * otherwise than YAML 1.2.
 */
export function checkSpecKeys({ tree, findings: read, fractions }: Reading, { list, release }: Release): SpecFinding[] {
  const findings: SpecFinding[] = [...read];
  const walk = (section: string, mapping: Mapping): void => {
    for (const [name, value] of Object.entries(mapping)) {
      const key = section === "" ? name : `${section}.${name}`;
      const facts = list.keys[key];
      if (facts === undefined) findings.push(unknownKey(key, section, name, list, release));
      else if (facts.type !== "section") findings.push(...valueFindings(key, value, facts, fractions));
      else if (isRecord(value)) {
        if (isOpen(list, key)) walk(key, value);
      } else if (value !== null || facts.optional !== true) {
        findings.push(halt(key, value === null ? "is empty" : "must be a section"));
      }
    }
  };
  walk("", tree);
  return findings;
}

type Reading = {
  readonly tree: Mapping;
  readonly findings: readonly SpecFinding[];
  /** Keys with a whole number that is written as a fraction, like 2.0 or 1e1. */
  readonly fractions: ReadonlySet<string>;
};

/**
 * The spec as TAO reads it, with the numbers of YAML 1.1, and where this makes another number of it than YAML 1.2, or a
 * number of a name.
 *
 * @throws Refusal `input.bad-yaml`.
 */
export function readingOfTao(text: string, path: string): Reading {
  const numbers = {
    version: "1.1",
    customTags: (tags: unknown[]) => [...tags.filter((tag) => !isOtherwise(tag)), "bool"],
  };
  const document = yamlDocument(text, path, { merge: true, ...numbers } as Parameters<typeof yamlDocument>[2]);
  const usual = yamlDocument(text, path, { merge: true });
  const [tree, other] = [document, usual].map((one): unknown => one.toJS({ maxAliasCount: yamlLimits.aliases }));
  const { fractions, findings } = lookAtNodes(document);
  const compare = (one: unknown, two: unknown, key: string): void => {
    if (isContainer(one) && isContainer(two)) {
      for (const [name, member] of Object.entries(one))
        compare(member, two[name], key === "" ? name : `${key}.${name}`);
    } else if (!Object.is(one, two) && (typeof one === "number" || typeof two === "number")) {
      findings.push(halt(key, `is ${String(one)} to TAO, which reads YAML 1.1, and ${String(two)} to others`));
    }
  };
  compare(tree, other, "");
  return { tree: isRecord(tree) ? tree : {}, findings, fractions };
}

/** What plain data no longer shows: how a number was written, and names that are numbers. */
function lookAtNodes(document: Document): { fractions: Set<string>; findings: SpecFinding[] } {
  const fractions = new Set<string>();
  const findings: SpecFinding[] = [];
  visit(document, {
    Scalar(at, node, ancestors) {
      if (typeof node.value !== "number") return;
      const names = ancestors.flatMap((one) => ("key" in one && isScalar(one.key) ? [String(one.key.value)] : []));
      const key = names.join(".");
      if (at === "key") findings.push(halt(key, "has a number for a name; put it in quotes"));
      else if (Number.isInteger(node.value) && /^[^x]*[.eE]/.test(node.source ?? "")) fractions.add(key);
    },
  });
  return { fractions, findings };
}

/** TAO's reader takes the numbers of YAML 1.1, but `y` and `n` for texts, and knows no dates of its own. */
function isOtherwise(tag: unknown): boolean {
  const name = isContainer(tag) ? String(tag.tag) : String(tag);
  return /:(?:bool|timestamp|binary|omap|pairs|set)$/.test(name);
}

function unknownKey(key: string, section: string, name: string, list: KeyList, release: string): SpecFinding {
  const others = keyLists.filter((other) => other.keys[key] !== undefined);
  if (others.length > 0) {
    const since = others[0]?.releases[0] ?? "";
    const later = keyLists.indexOf(others[0] as KeyList) > keyLists.indexOf(list);
    return halt(key, later ? `is new in TAO ${since}; ${release} refuses it` : `was dropped before TAO ${release}`);
  }
  if (gone.has(key)) return halt(key, `is of another release or network; TAO ${release} refuses it`);
  const siblings = Object.keys(list.keys).filter(
    (known) => known.slice(0, Math.max(0, known.lastIndexOf("."))) === section,
  );
  const nearest = nearestOf(
    name,
    siblings.map((known) => known.slice(known.lastIndexOf(".") + 1)),
  );
  const meant = nearest === undefined ? undefined : `${section === "" ? "" : `${section}.`}${nearest}`;
  const problem = `is no key of TAO ${release}${nearest === undefined ? "" : `; the nearest is ${nearest}`}`;
  return { ...halt(key, problem), ...(meant === undefined ? {} : { nearest: meant }) };
}

function valueFindings(key: string, value: unknown, facts: KeyFacts, fractions: ReadonlySet<string>): SpecFinding[] {
  if (value === null) return facts.optional ? [] : [halt(key, `is empty; TAO needs ${nameOf(facts.type)}`)];
  if (value === "???")
    return facts.mandatory === true ? [] : [halt(key, "is ???, which stands for a value that is still to be given")];
  if (typeof value === "string" && value.includes("${")) return [];
  const asFraction = /\bint\b|bool/.test(facts.type) && [...fractions].some((one) => `${one}.`.startsWith(`${key}.`));
  if (asFraction) return [halt(key, `must be ${nameOf(facts.type)}, written without a fraction`)];
  if (!fits(value, facts.type)) return [halt(key, `must be ${nameOf(facts.type)}, not ${shown(value)}`)];
  const { values } = facts;
  if (values === undefined || value === "" || values.includes(String(value))) return [];
  const nearest = nearestOf(String(value), values);
  const problem = `is ${shown(value)}, which TAO does not know; the nearest is ${nearest}`;
  return [{ key, problem, weight: key === "model.backbone.type" ? "halt" : "warning" }];
}

/** Whether OmegaConf converts a value to a type: texts of numbers and switches count, fractions are no whole numbers. */
function fits(value: unknown, type: string): boolean {
  const members = /^(list|dict)\[(.*)\]$/.exec(type);
  if (members?.[1] === "list") {
    return Array.isArray(value) && value.every((one) => fits(one, members[2] ?? "any"));
  }
  if (members?.[1] === "dict") {
    const member = members[2]?.split(",").slice(1).join(",") ?? "any";
    return isRecord(value) && Object.values(value).every((one) => fits(one, member));
  }
  if (type === "any") return true;
  if (typeof value === "object") return false;
  const text = String(value).trim();
  if (type === "int") return typeof value !== "boolean" && /^[+-]?\d+$/.test(text);
  if (type === "float") return typeof value === "number" || (typeof value === "string" && isNumberText(text));
  if (type === "bool") return /^(?:true|false|yes|no|on|off|y|n|[+-]?\d+)$/i.test(text);
  return true;
}

function isNumberText(text: string): boolean {
  return text !== "" && (Number.isFinite(Number(text)) || /^[+-]?\.?(?:inf|nan)$/i.test(text));
}

const names: Readonly<Record<string, string>> = {
  int: "a whole number",
  float: "a number",
  bool: "true or false",
  str: "a text",
};

function nameOf(type: string): string {
  const list = /^list\[(.*)\]$/.exec(type);
  if (list !== null) return `a list (${list[1]})`;
  return names[type] ?? "a mapping";
}

function shown(value: unknown): string {
  return excerpt(JSON.stringify(value) ?? String(value), 60);
}

function halt(key: string, problem: string): SpecFinding {
  return { key, problem, weight: "halt" };
}

function isContainer(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null;
}
