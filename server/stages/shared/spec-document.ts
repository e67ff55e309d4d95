import { type Document, Scalar, type ScalarTag, visit } from "yaml";
import { yamlDocument } from "../../data/yaml.ts";
import { errnoOf, Refusal } from "../../errors.ts";

export type SpecValue = string | number | boolean | null | readonly number[];
export type SpecEdit = readonly [key: string, value: SpecValue];

const note = "# Derived by deft-mcp: ";

/**
 * Parses a train spec so that writing it back changes only what was edited: comments and the spelling of floats stay
 * (`1.0e-5` rewritten as `1e-5` would be text to some YAML 1.1 readers).
 *
 * @throws Refusal `input.bad-yaml` naming the line.
 */
export function parseSpecDocument(text: string, path: string): Document {
  return yamlDocument(text, path, { customTags: (tags) => tags.map(keepSpelling) });
}

/** Sets dotted keys, creating the maps on their way. @throws Refusal `input.bad-spec` when a key leads through a value. */
export function editSpec(document: Document, path: string, edits: readonly SpecEdit[]): void {
  for (const [key, value] of edits) {
    try {
      document.setIn(key.split("."), Array.isArray(value) ? document.createNode(value, { flow: true }) : value);
    } catch (error) {
      if (errnoOf(error) !== undefined) throw error;
      throw new Refusal("input.bad-spec", `${key} cannot be set in ${path}.`, { path, key }, { cause: error });
    }
  }
}

/** The text of a derived spec; its first line tells from what, and replaces the line of an earlier derivation. */
export function specText(document: Document, derivedFrom: string): string {
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return `${note}${derivedFrom}\n${text.startsWith(note) ? text.slice(text.indexOf("\n") + 1) : text}`;
}

/** Replaces text values by dotted key; `change` returns the value to keep. */
export function mapTexts(document: Document, change: (value: string, key: string) => string): void {
  visit(document, {
    Scalar(at, node, ancestors) {
      if (at === "key" || typeof node.value !== "string") return;
      const names = ancestors.flatMap((ancestor) =>
        "key" in ancestor && ancestor.key instanceof Scalar ? [String(ancestor.key.value)] : [],
      );
      node.value = change(node.value, names.join("."));
    },
  });
}

function keepSpelling<T>(tag: T): T {
  if (!isFloatTag(tag)) return tag;
  const { stringify } = tag;
  const written: ScalarTag["stringify"] = (item, context, onComment, onChompKeep) =>
    typeof item.source === "string" && Number(item.source) === item.value
      ? item.source
      : (stringify?.(item, context, onComment, onChompKeep) ?? String(item.value));
  return { ...tag, stringify: written };
}

function isFloatTag(tag: unknown): tag is ScalarTag {
  return typeof tag === "object" && tag !== null && "tag" in tag && tag.tag === "tag:yaml.org,2002:float";
}

/** A float as a YAML node that every reader takes for a number: `1e-7` without a dot is text to YAML 1.1. */
export function plainFloat(value: number): Scalar<number> {
  const node = new Scalar(value);
  const text = String(value);
  node.source = /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text;
  return node;
}
