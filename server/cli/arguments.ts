import { type ParseArgsConfig, parseArgs } from "node:util";
import { excerpt, Refusal } from "../errors.ts";
import { type Platform, platforms } from "../run/labels.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Values and positionals of a subcommand; text is checked by the caller. */
export type Arguments = {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  /** Every value of an option that may be repeated. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
};

/**
 * Parses options strictly. A positional in brackets, `[RUN]`, may be left out; those come last.
 *
 * @throws Refusal `input.invalid` for an unknown option, an absent value or another count of positionals.
 */
export function parseArguments(argv: readonly string[], options: Options, positionals: readonly string[]): Arguments {
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!isParseError(error)) throw error;
    throw new Refusal("input.invalid", excerpt(error.message.split(". ", 1)[0] ?? ""), {}, { cause: error });
  }
  const required = positionals.filter((name) => !name.startsWith("["));
  const count = parsed.positionals.length;
  if (count < required.length || count > positionals.length) {
    const expected = positionals.join(" ") || "no positional argument";
    throw new Refusal("input.invalid", `Expected ${expected}.`, {
      expected,
      got: parsed.positionals.map((p) => excerpt(p)),
    });
  }
  return {
    positionals: parsed.positionals,
    text(name) {
      const value = parsed.values[name];
      return typeof value === "string" ? value : undefined;
    },
    texts(name) {
      const value = parsed.values[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
    flag: (name) => parsed.values[name] === true,
  };
}

/** A number option within bounds. @throws Refusal `input.invalid`. */
export function numberOption(
  given: Arguments,
  name: string,
  bounds: { readonly min: number; readonly max?: number; readonly whole?: boolean },
): number | undefined {
  const text = given.text(name);
  if (text === undefined) return undefined;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
  const max = bounds.max ?? Number.MAX_VALUE;
  if (value >= bounds.min && value <= max && (bounds.whole !== true || Number.isInteger(value))) return value;
  const kind = bounds.whole === true ? "a whole number" : "a number";
  const range = bounds.max === undefined ? `of at least ${bounds.min}` : `from ${bounds.min} to ${bounds.max}`;
  throw new Refusal("input.invalid", `--${name} must be ${kind} ${range}.`, { option: name, got: excerpt(text, 40) });
}

/** A required text option. @throws Refusal `input.invalid`. */
export function requiredOption(given: Arguments, name: string): string {
  const text = given.text(name);
  if (text !== undefined && text !== "") return text;
  throw new Refusal("input.invalid", `--${name} is required.`, { option: name });
}

/** The option `--platform`; the embedded engine runs anywhere, so it is meant when nothing is said. */
export function platformOption(given: Arguments): Platform {
  const text = given.text("platform") ?? "embedded";
  const found = platforms.find((platform) => platform === text);
  if (found !== undefined) return found;
  throw new Refusal("input.invalid", "There is no such platform.", { platform: excerpt(text), platforms });
}

function isParseError(error: unknown): error is Error & { code: string } {
  const isCoded = typeof error === "object" && error !== null && "code" in error;
  return isCoded && String(error.code).startsWith("ERR_PARSE_ARGS");
}
