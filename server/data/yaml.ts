import {
  type Document,
  type DocumentOptions,
  Lexer,
  type ParseOptions,
  Parser,
  parseDocument,
  type SchemaOptions,
} from "yaml";
import { excerpt, Refusal } from "../errors.ts";

type Options = ParseOptions & DocumentOptions & SchemaOptions;

/**
 * What a YAML file may ask for; the longest that the loop meets has 1,500 tokens, 10 levels and no alias. The library
 * composes recursively, so depth that exhausts the stack ends the process, and compares keys pairwise.
 */
export const yamlLimits = { characters: 1 << 20, tokens: 20_000, depth: 100, aliases: 100 } as const;

/**
 * Parses YAML that somebody else wrote. Size and depth are measured before the library sees the text; the document's
 * data, aliases followed, are a tree of bounded depth.
 *
 * @throws Refusal `input.bad-yaml` naming the line.
 */
export function yamlDocument(text: string, path: string, options: Options = {}): Document {
  if (text.length > yamlLimits.characters) throw badYaml(path, 1, "is larger than 1 MiB");
  measure(text, path);
  const document = parseDocument(text, { logLevel: "error", ...options });
  const [fault] = document.errors;
  if (fault !== undefined) throw badYaml(path, fault.linePos?.[0].line ?? 1, excerpt(fault.code));
  refuseLoops(dataOf(document, path), path);
  return document;
}

/** The data of a YAML text as plain values. @throws Refusal `input.bad-yaml`. */
export function yamlData(text: string, path: string): unknown {
  return yamlDocument(text, path).toJS({ maxAliasCount: yamlLimits.aliases });
}

/** Walks the text by its tokens, which needs no stack, and stops where it goes too deep or on for too long. */
function measure(text: string, path: string): void {
  const parser = new Parser();
  let tokens = 0;
  let line = 1;
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > yamlLimits.tokens) throw badYaml(path, line, `has more than ${yamlLimits.tokens} tokens`);
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > yamlLimits.depth) throw badYaml(path, line, `nests deeper than ${yamlLimits.depth}`);
    if (lexeme.includes("\n")) line += lexeme.split("\n").length - 1;
  }
}

function dataOf(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: yamlLimits.aliases });
  } catch (error) {
    if (error instanceof ReferenceError) throw badYaml(path, 1, "resolves too many aliases or an unknown one");
    throw error;
  }
}

/** A chain of aliases nests as deep as it is long, and an alias inside its own anchor without end. */
function refuseLoops(root: unknown, path: string): void {
  const heights = new Map<unknown, number>();
  const heightOf = (value: unknown, depth: number): number => {
    if (typeof value !== "object" || value === null) return 0;
    let height = heights.get(value);
    if (depth + (height ?? 0) > yamlLimits.depth) throw badYaml(path, 1, `nests deeper than ${yamlLimits.depth}`);
    if (height !== undefined) return height;
    height = 0;
    for (const member of Object.values(value)) height = Math.max(height, 1 + heightOf(member, depth + 1));
    heights.set(value, height);
    return height;
  };
  heightOf(root, 0);
}

function badYaml(path: string, line: number, detail: string): Refusal {
  return new Refusal("input.bad-yaml", `${path} is not valid YAML at line ${line}: ${detail}.`, { path, line, detail });
}
