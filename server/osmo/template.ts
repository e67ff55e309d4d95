import { Refusal } from "../errors.ts";
import { castSet } from "./casting.ts";

/** Template variables with the type that OSMO gave them. */
export type Variables = ReadonlyMap<string, { readonly number: boolean; readonly text: string }>;

const reserved = /^\{\{(uuid|workflow_id|output|input:[A-Za-z0-9_-]+|host:[A-Za-z0-9_-]+)\}\}$/;
const token = /\{\{[^}]*\}\}|\{%[^%]*%\}|\{#[\s\S]*?#\}/g;

/** A template that uses more of Jinja than we evaluate; the vendor's files do. */
export class TemplateTooRich extends Error {}

/**
 * Renders the `workflow` section of a workflow file as the service does: strict undefined, reserved tokens kept.
 *
 * Covers substitution and `if` blocks over equality and membership, which is all that our own files use.
 *
 * @throws Refusal `osmo.bad-knob` for an undefined variable. @throws TemplateTooRich beyond that subset.
 */
export function renderWorkflow(section: string, variables: Variables): string {
  const taken: boolean[] = [];
  const decided: boolean[] = [];
  const active = () => taken.every(Boolean);
  let out = "";
  let from = 0;
  for (const found of section.matchAll(token)) {
    if (active()) out += section.slice(from, found.index);
    from = found.index + found[0].length;
    if (found[0].startsWith("{{")) {
      if (active()) out += reserved.test(found[0]) ? found[0] : lookUp(found[0].slice(2, -2).trim(), variables).text;
      continue;
    }
    if (found[0].startsWith("{#")) continue;
    branch(found[0].slice(2, -2).trim(), taken, decided, active, variables);
  }
  return (out + section.slice(from)).replace(/\n$/, "");
}

function branch(
  statement: string,
  taken: boolean[],
  decided: boolean[],
  active: () => boolean,
  variables: Variables,
): void {
  const [, word, condition] = /^(if|elif|else|endif)\b\s*(.*)$/.exec(statement) ?? [];
  const last = taken.length - 1;
  if (word === "if") {
    const holds = active() && evaluate(condition ?? "", variables);
    taken.push(holds);
    decided.push(holds);
  } else if (word === "elif" || word === "else") {
    taken[last] = true;
    const open = active() && !decided[last];
    taken[last] = open && (word === "else" || evaluate(condition ?? "", variables));
    decided[last] = decided[last] || taken[last] === true;
  } else if (word === "endif") {
    taken.pop();
    decided.pop();
  } else {
    throw new TemplateTooRich(statement);
  }
}

function evaluate(condition: string, variables: Variables): boolean {
  return condition.split(/\s+and\s+/).every((term) => {
    const [, operand, comparison, right] = /^(\w+(?:\|\w+)*)\s+(==|in|not in)\s+(.+)$/.exec(term.trim()) ?? [];
    if (operand === undefined || right === undefined) throw new TemplateTooRich(term);
    const [name, ...filters] = operand.split("|");
    const value = lookUp(name ?? "", variables);
    const text = filters.includes("lower") ? value.text.toLowerCase() : value.text;
    const isText = filters.length > 0 || !value.number;
    if (comparison === "==") return isText && text === literals(right)[0];
    return literals(right).includes(text) === (comparison === "in");
  });
}

/** The string literals of `"a"`, `'a'` or `["a", "b"]`. */
function literals(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map((found) => found[1] ?? found[2] ?? "");
}

function lookUp(name: string, variables: Variables) {
  const value = variables.get(name);
  if (value) return value;
  if (!/^\w+$/.test(name)) throw new TemplateTooRich(name);
  throw new Refusal("osmo.bad-knob", `The workflow file needs a value for ${name}.`, { knob: name });
}

/** Variables of a submit: defaults, then `--set` with its casts, then `--set-string` as given. */
export function variablesOf(
  defaults: Readonly<Record<string, string>>,
  set: Readonly<Record<string, string>>,
  setString: Readonly<Record<string, string>>,
): Variables {
  const text = (pairs: Readonly<Record<string, string>>) =>
    Object.entries(pairs).map(([key, value]) => [key, { number: false, text: value }] as const);
  return new Map([
    ...text(defaults),
    ...Object.entries(set).map(([key, value]) => [key, castSet(value)] as const),
    ...text(setString),
  ]);
}

/** Marks that a template engine would interpret in a mounted file, which is rendered a second time. */
export function templateTokens(text: string): string[] {
  return [...new Set(text.match(/\{\{|\{%|\{#/g) ?? [])];
}
