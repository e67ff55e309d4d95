import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { excerpt, Refusal } from "../errors.ts";
import { keyValueOf } from "../run/key-values.ts";
import { likely } from "../run/nearest.ts";
import { type CommandName, commandsBelow, declarationOf, type Given } from "./declarations.ts";
import type { Option } from "./options.ts";

type Tokens = ReturnType<typeof parseArgs<{ strict: false; tokens: true }>>["tokens"];
type Declared = ReturnType<typeof declarationOf>;
type OptionToken = Extract<NonNullable<Tokens>[number], { kind: "option" }>;

/**
 * The arguments of a command as it declares them, paths made absolute.
 *
 * @throws Refusal `input.unknown-field` for an unknown option with the one that was probably meant, `input.invalid` for
 * a value that does not fit and another count of positionals.
 */
export function parse<Name extends CommandName>(name: Name, argv: readonly string[], cwd: string): Given<Name> {
  const declared = declarationOf(name);
  const typeOf = ({ kind }: Option) => ({ type: kind === "flag" ? ("boolean" as const) : ("string" as const) });
  const options = Object.fromEntries(Object.entries(declared.options).map(([key, one]) => [key, typeOf(one)]));
  const { positionals, tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    given.set(token.name, [...(given.get(token.name) ?? []), checked(name, declared, token)]);
  }
  // Last, because the value of an unknown option stands there as one more positional.
  checkCount(name, declared, positionals);
  const values = Object.entries(declared.options).map(([key, option]) => {
    const texts = given.get(key);
    if (texts === undefined && option.required) throw wrong(name, `--${key} is required`, { option: key });
    return [key, read(name, key, option, texts, cwd)];
  });
  return { positionals, options: Object.fromEntries(values) } as unknown as Given<Name>;
}

/** @throws Refusal `input.unknown-field` with the command that was probably meant. */
export function unknownCommand(given: string, group?: string): Refusal {
  const known = commandsBelow(group).map((name) => name.split(" ").at(-1) ?? name);
  const meant = likely(given, known);
  const before = ["deft-mcp", ...(group === undefined ? [] : [group])].join(" ");
  const guess = meant === undefined ? "" : `; did you mean ${before} ${meant}?`;
  const facts = {
    command: excerpt(given, 60),
    known,
    help: group === undefined ? "deft-mcp help" : `${before} --help`,
  };
  return new Refusal("input.unknown-field", `There is no command ${JSON.stringify(facts.command)}${guess}`, facts);
}

function wrong(name: CommandName, message: string, facts: Readonly<Record<string, unknown>>): Refusal {
  return new Refusal("input.invalid", `${message}.`, { ...facts, help: `deft-mcp ${name} --help` });
}

function checkCount(name: CommandName, { positionals: names }: Declared, given: readonly string[]): void {
  const least = names.filter((one) => !one.startsWith("[")).length;
  if (given.length >= least && given.length <= names.length) return;
  const expected = names.join(" ") || "no argument without a name";
  throw wrong(name, `deft-mcp ${name} takes ${expected}`, { got: given.map((one) => excerpt(one)) });
}

/** The text of an option that exists and has what it takes; a flag's is empty. */
function checked(name: CommandName, { options }: Declared, { name: key, rawName, value, inlineValue }: OptionToken) {
  const option = Object.hasOwn(options, key) ? options[key] : undefined;
  if (option === undefined || !rawName.startsWith("--")) {
    const known = Object.keys(options).map((one) => `--${one}`);
    const meant = rawName.startsWith("--") ? likely(key, Object.keys(options)) : undefined;
    const guess = meant === undefined ? "" : `; did you mean --${meant}?`;
    const message = `deft-mcp ${name} has no option ${JSON.stringify(excerpt(rawName, 60))}${guess}`;
    throw new Refusal("input.unknown-field", message, { known, help: `deft-mcp ${name} --help` });
  }
  if (option.kind === "flag") {
    if (value === undefined) return "";
    throw wrong(name, `--${key} takes no value`, { got: excerpt(value, 60) });
  }
  // An option whose value was forgotten must not swallow the next one; a number may be negative.
  const isSwallowed = !inlineValue && /^-\D/.test(value ?? "");
  if (value !== undefined && value !== "" && !isSwallowed) return value;
  throw wrong(name, `--${key} takes ${option.value}`, value === undefined ? {} : { got: excerpt(value, 60) });
}

function read(name: CommandName, key: string, option: Option, texts: readonly string[] | undefined, cwd: string) {
  const { kind, fallback } = option;
  const last = texts?.at(-1);
  if (kind === "flag") return texts !== undefined;
  if (kind === "paths") return (texts ?? []).map((one) => resolve(cwd, one));
  if (kind === "pairs") return Object.fromEntries((texts ?? []).map((one) => pairOf(name, key, one)));
  if (last === undefined) return fallback;
  if (kind === "path") return resolve(cwd, last);
  if (kind === "number") return numberOf(name, key, option, last);
  if (kind === "choice" && !option.choices?.includes(last)) {
    throw wrong(name, `--${key} takes ${option.value}`, { got: excerpt(last, 60) });
  }
  return last;
}

function pairOf(name: CommandName, key: string, given: string) {
  const pair = keyValueOf(given);
  if (pair === undefined) throw wrong(name, `--${key} takes KEY=VALUE`, { got: excerpt(given, 60) });
  return pair;
}

function numberOf(name: CommandName, key: string, { bounds = { min: 0 } }: Option, given: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given.trim()) ? Number(given) : Number.NaN;
  const { min, max, whole } = bounds;
  if (value >= min && value <= (max ?? Number.MAX_VALUE) && (!whole || Number.isInteger(value))) return value;
  const range = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
  throw wrong(name, `--${key} must be a ${whole ? "whole " : ""}number ${range}`, { got: excerpt(given, 40) });
}
