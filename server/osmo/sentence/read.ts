import { defined } from "../../run/defined.ts";
import { flowIds } from "../flow.ts";
import { boardAliases } from "../names.ts";
import { exactNumber, numberWords, numeral, possibleNumbers } from "./numbers.ts";
import { adjectives, type Entry, entries, fillers, type Kind } from "./words.ts";

/** One word or phrase of a request with what it may say. */
export type Mention = {
  readonly kind: Kind;
  /** As it stands in the request. */
  readonly text: string;
  readonly value: string;
  /** What a number counts: a unit, `step`, `gpu`; of anything else what it belongs to. */
  readonly of?: string;
  /** The value of a number that can be read in one way only. */
  readonly exact?: number;
  readonly possible: readonly number[];
  /** Stands behind a negation in the same clause. */
  readonly negated: boolean;
};

type Raw = { kind: Kind; value: string; text: string; clause: number; sentence: number };

const skipped = /[\s"“”‘()[\]…*`&/+|]+|['’](?!s\b)|-(?=[\s\p{L}])/uy;
const breaks = /[.,;:!?—–]+(?=[\s"”)]|$)|,|\n+/y;
const anyWord = /[^\s.,;:!?()"“”]+/y;
const end = "(?:['’]s)?(?![\\p{L}\\p{N}_])";

/**
 * What each word of a request says. Every word is accounted for: one that is not known is a mention of kind `unknown`,
 * so nothing is passed over because it was not expected.
 */
export function readSentence(request: string, boards: readonly string[]): Mention[] {
  const text = request.normalize("NFC");
  const own = boards.map((board) => compiled(["board", board, boardPhrase(escaped(board.toLowerCase()))]));
  return link(scan(text, [...own, ...lexicon]));
}

type Compiled = { readonly kind: Kind; readonly value: string; readonly pattern: RegExp };

const ids = flowIds.filter((id) => id !== "finetune").map((id): Entry => ["flow", id, id.replaceAll("_", "[_ ]")]);
const aliases = Object.entries(boardAliases).map(([alias, board]): Entry => ["board", board, boardPhrase(alias)]);
const lexicon = [
  ...[...aliases, ...ids, ...entries, ["number", "", numberWords] as Entry].map(compiled),
  ...[adjectives, fillers].map((words, index) =>
    compiled([index === 0 ? "adjective" : "filler", "", words.map(escaped).join("|")]),
  ),
];

function compiled([kind, value, phrase]: Entry): Compiled {
  const spaced = phrase.replaceAll(" ?", "\\s?").replaceAll(" ", "\\s+");
  return { kind, value, pattern: new RegExp(`(?:${spaced})${end}`, "iuy") };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function boardPhrase(name: string): string {
  return `(?:board )?${name}(?: (?:pcba? )?boards?)?`;
}

function scan(text: string, known: readonly Compiled[]): Raw[] {
  const found: Raw[] = [];
  let clause = 0;
  let sentence = 0;
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? "";
  };
  while (at < text.length) {
    const phrase = longest(known, take);
    const digits = take(numeral).replace(/[.,'’]+$/, "");
    if (phrase && phrase.text.length >= digits.length) found.push({ ...phrase, clause, sentence });
    else if (digits) found.push({ kind: "number", value: "", text: digits, clause, sentence });
    else if (take(breaks)) {
      clause += 1;
      if (take(breaks) !== ",") sentence += 1;
    }
    const passed = found.at(-1);
    const taken = phrase || digits ? (passed?.text ?? "") : take(breaks) || take(skipped);
    if (taken) {
      at += taken.length;
      continue;
    }
    const word = take(anyWord) || text.charAt(at);
    found.push({ kind: "unknown", value: "", text: word, clause, sentence });
    at += word.length;
  }
  return found;
}

function longest(
  known: readonly Compiled[],
  take: (pattern: RegExp) => string,
): Omit<Raw, "clause" | "sentence"> | undefined {
  let best: Omit<Raw, "clause" | "sentence"> | undefined;
  for (const { kind, value, pattern } of known) {
    const text = take(pattern);
    if (text.length > (best?.text.length ?? 0)) best = { kind, value, text };
  }
  return best;
}

/** Ties numbers to what they count and marks what a negation reaches. */
function link(raw: readonly Raw[]): Mention[] {
  const mentions: Mention[] = [];
  let negation: number | undefined;
  for (const [index, { kind: read, value, text, clause, sentence }] of raw.entries()) {
    const before = raw[index - 1];
    // `no shift, tombstone`: whether the negation reaches over the comma is anybody's guess.
    const doubtful = negation === before?.clause && before?.sentence === sentence && before.clause !== clause;
    const kind = doubtful && listed.includes(read) && listed.includes(before.kind) ? "unknown" : read;
    const negated = negation === clause && kind !== "negation";
    if (kind === "negation") negation = clause;
    const number = kind === "number";
    const alone = raw[index - 1]?.kind !== "number" && raw[index + 1]?.kind !== "number";
    const exact = number && alone ? exactNumber(text) : undefined;
    const of = number ? countedBy(raw, index) : kind === "own" ? owned(raw, index) : undefined;
    const possible = number || (kind === "unknown" && /\d/.test(text)) ? possibleNumbers(text.toLowerCase()) : [];
    const singular = kind === "article" ? countedBy(raw, index, true) : undefined;
    if (singular !== undefined) mentions.push({ kind: "number", value, text, of: singular, possible: [1], negated });
    else {
      mentions.push({
        ...{ kind: kind === "article" ? "filler" : kind, value, text, possible, negated },
        ...defined({ of, exact }),
      });
    }
  }
  return mentions;
}

/** Kinds of which a sentence lists several. */
const listed: readonly Kind[] = ["mode", "defect", "material"];
const between: readonly Kind[] = ["adjective", "and", "mode", "defect", "defects", "material", "usecase", "family"];

/** What the number at `index` counts; with `one`, what an article before a singular noun does. */
function countedBy(raw: readonly Raw[], index: number, one = false): string | undefined {
  let { clause } = raw[index] ?? {};
  const { sentence } = raw[index] ?? {};
  const before = raw[index - 1]?.kind === "filler" ? raw[index - 2] : raw[index - 1];
  if (before?.kind === "checkpoint" && before.clause === clause) return "step";
  let noun: string | undefined;
  for (const [offset, next] of raw.slice(index + 1, index + 9).entries()) {
    const inList = next.sentence === sentence && listed.includes(next.kind);
    if (next.clause !== clause && !(inList && listed.includes(raw[index + offset]?.kind ?? "filler"))) break;
    clause = next.clause;
    const plural = /s$|of (?:them|these|those)$/i.test(next.text);
    if (next.kind === "unit" && next.value === "them") return unitBefore(raw, index);
    if (next.kind === "unit") return one && plural ? undefined : next.value;
    if (next.kind === "checkpoint") return "step";
    if (next.kind === "gpu") return "gpu";
    if (next.kind === "photo") return one ? undefined : "photo";
    if (["mode", "defect", "defects"].includes(next.kind)) noun = plural === one ? noun : "defect";
    const named = next.kind === "board" && next.value !== "" && !/boards$/i.test(next.text);
    if (!between.includes(next.kind) && !named) break;
  }
  return noun;
}

/** What `of them` stands for: the unit that was named last. */
function unitBefore(raw: readonly Raw[], index: number): string {
  return raw.slice(0, index).findLast(({ kind }) => kind === "unit")?.value ?? "them";
}

/** What `my` and `our` belong to, within the next words of the clause. */
function owned(raw: readonly Raw[], index: number): string | undefined {
  const { clause } = raw[index] ?? {};
  const near = raw.slice(index + 1, index + 6).filter((next) => next.clause === clause);
  return near.find(({ kind, value }) => ["photo", "data", "checkpoint"].includes(kind) || value === "image")?.kind;
}
