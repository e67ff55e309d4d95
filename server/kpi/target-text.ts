import { excerpt, Refusal } from "../errors.ts";
import type { MetricContract } from "../run/metric.ts";

export type Operator = MetricContract["operator"];

const examples = ["FAR < 0.5% at recall=99%", "FAR <= 1%", "quality_score >= 0.9"];

export const number = String.raw`[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?`;

/** What a target says of FAR, in percent; `recall` is undefined where it names none. */
export type FarTarget = {
  readonly display: string;
  readonly operator: Operator;
  readonly target: number;
  readonly recall: number | undefined;
};

export function unparsable(text: string, reason: string): Refusal {
  return new Refusal("metric.unparsable-target", `The target is not usable: ${reason}.`, {
    target: excerpt(text),
    examples,
  });
}

/**
 * A target as it is written in plain signs: full-width forms, a decimal comma, words for a comparison and for percent,
 * and long names of FAR become the short ones.
 */
export function plainTarget(text: string): string {
  return text
    .normalize("NFKC")
    .replaceAll(/[≤≦⩽]|=</g, "<=")
    .replaceAll(/[≥≧⩾]|=>/g, ">=")
    .replaceAll(/(\d),(\d{1,3})(?!\d)/g, "$1.$2")
    .replaceAll(/(\d)\s*(?:per\s?cent|percent|pct|prozent)(?!\p{L})/giu, "$1%")
    .replaceAll(/\b(?:false[\s-]alarm[\s-]rate|falschalarmrate|fehlalarmrate|far_pct|far\s*\(%\))(?!\w)/giu, "FAR")
    .replaceAll(
      wordsFor(
        "no (?:more|higher|greater) than|not (?:more|above|higher|over)(?: than)?|at most|up to|max(?:imum|imal)?|höchstens",
      ),
      " <= ",
    )
    .replaceAll(
      wordsFor("no (?:less|lower) than|not (?:less|below|under)(?: than)?|at least|min(?:imum|imal)?|mindestens"),
      " >= ",
    )
    .replaceAll(
      wordsFor("below|under|beneath|(?:less|lower|smaller|fewer) than|unter|kleiner als|weniger als|lt"),
      " < ",
    )
    .replaceAll(wordsFor("above|over|(?:more|greater|higher|larger) than|über|größer als|mehr als|gt"), " > ")
    .replaceAll(wordsFor("lte|le"), " <= ")
    .replaceAll(wordsFor("gte|ge"), " >= ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function wordsFor(words: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words})(?![\\p{L}\\p{N}_])`, "giu");
}

const far = /(?<![\p{L}\p{N}_])FAR(?![\p{L}\p{N}_])/iu;
const joiner = String.raw`(?:at|@|with|for|when|while|where|and|of|bei|mit|und|a|an|the|is|;|,|\(|\))`;
const recallFirst = new RegExp(
  String.raw`recall(?:\s+(?:rate|level|target))?\s*(?:=|>=|:|of|is|at|von)?\s*(?<value>${number})(?:\s*(?<sign>%))?(?![\w.%])`,
  "iu",
);
const recallLast = new RegExp(
  String.raw`(?<![\w.])(?<value>${number})\s*(?<sign>%)\s*(?:of\s+)?recall(?![\p{L}\p{N}_])`,
  "iu",
);
const goalShape = new RegExp(
  String.raw`^FAR\s*(?:(?:is|be|to|should|must|shall|has|of|rate|soll|ist|sein)\s+)*(?<op><=|>=|<|>)\s*(?<target>${number})\s*(?<unit>\S*)$`,
  "iu",
);

/** Reads a plain target about FAR; undefined where it is about something else. @throws Refusal `metric.unparsable-target`. */
export function readFarTarget(text: string): FarTarget | undefined {
  const plain = plainTarget(text).replaceAll("@", " at ");
  const at = plain.search(far);
  const lead = plain.slice(0, Math.max(0, at));
  // Before FAR may stand what is to be done about it or the recall, not another metric that FAR is the context of.
  const spoken = lead.replace(recallLast, " ").replace(recallFirst, " ");
  if (at < 0 || /[<>=%\d]/.test(spoken)) return undefined;
  const recall = recallIn(text, plain);
  const goal = plain
    .slice(at)
    .replace(recallLast, " ")
    .replace(recallFirst, " ")
    .replaceAll(new RegExp(String.raw`(?:\s+|(?<=[%\d;,()]))${joiner}(?=\s|$|<|>|[;,()])`, "giu"), " ")
    .replace(/[\s.,;!]+$/, "")
    .trim();
  const parts = goalShape.exec(goal.replaceAll(/\s+/g, " "))?.groups;
  if (parts === undefined) throw unparsable(text, farReason(goal, recall));
  const [display = "FAR"] = far.exec(plain) ?? [];
  return { display, operator: parts.op as Operator, target: percentOf(text, parts), recall };
}

function farReason(goal: string, recall: number | undefined): string {
  if (/^FAR\s*(?:==?|:)?\s*[+-]?[\d.]+\s*%?$/i.test(goal))
    return "say whether FAR is to be below it: write `<` or `<=`";
  if (recall === undefined && /recall/i.test(goal)) return "what it says of recall does not read `recall=<number>%`";
  return "it does not read `FAR < <number>% at recall=<number>%`";
}

function percentOf(text: string, parts: Readonly<Record<string, string | undefined>>): number {
  const { unit, op } = parts;
  const target = Number(parts.target);
  if (!Number.isFinite(target)) throw unparsable(text, "the target is not a finite number");
  if (unit !== "%") throw unparsable(text, "FAR is a percentage; write its sign, like `FAR < 0.1%`");
  if (op !== "<" && op !== "<=") throw unparsable(text, "FAR is to be small; write `<` or `<=`");
  if (target < 0 || target > 100) throw unparsable(text, "FAR lies between 0% and 100%");
  return target;
}

function recallIn(text: string, plain: string): number | undefined {
  const parts = (recallLast.exec(plain) ?? recallFirst.exec(plain))?.groups;
  if (parts === undefined) return undefined;
  const value = Number(parts.value);
  if (parts.sign === undefined) throw unparsable(text, "recall is a percentage; write its sign, like `recall=99%`");
  if (!(value > 0 && value <= 100)) throw unparsable(text, "recall lies above 0% and at most at 100%");
  return value;
}

/** Why a person should think again about a target: it cannot be met, or it says nothing. */
export function doubtsAbout(contract: MetricContract): string[] {
  const { operator, target, evaluator, name } = contract;
  if (name !== "far_pct") return [];
  const doubts: string[] = [];
  if (operator === "<" && target === 0) doubts.push("no FAR is below 0%: it could never be met (FAR <= 0% could)");
  if (target >= 100) doubts.push("every FAR meets it: it says nothing");
  if (evaluator.type === "builtin" && evaluator.parameters.recall_target_pct < 10) {
    doubts.push(`it lets ${100 - evaluator.parameters.recall_target_pct}% of the defective parts pass`);
  }
  return doubts;
}
