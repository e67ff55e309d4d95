import { Refusal } from "../../errors.ts";
import { defined } from "../../run/defined.ts";
import { flows } from "../flow-table.ts";
import type { KnownNames } from "../names.ts";
import type { ChoiceQuestion } from "../questions.ts";
import { type Settled, settle, type Wanted } from "../settle.ts";
import { contradictions, openQuestions, textsOf } from "./ask.ts";
import { type Given, matchWords } from "./match.ts";
import { leftQuestion } from "./open-questions.ts";
import { propose, type RequestArgs } from "./propose.ts";
import { type Mention, readSentence } from "./read.ts";

export type { RequestArgs } from "./propose.ts";

/** What the arguments and the request come to. Settled and without questions it may be planned. */
export type Meaning = {
  readonly settled: Settled | undefined;
  readonly questions: readonly ChoiceQuestion[];
  /** Everything that is decided so far, as the arguments of the next call. */
  readonly pass: RequestArgs;
  readonly understood: readonly string[];
  /** Words of the request that no argument carries out. */
  readonly open: readonly string[];
  readonly contradicts: readonly string[];
};

type Basis = {
  readonly names: KnownNames;
  readonly remembered?: Wanted["remembered"];
  readonly board?: string | undefined;
};

/**
 * Reads a call. Typed arguments are the request; its sentence fills what they leave open, and only when the plan that
 * comes out carries out every one of its words: anything else becomes a question.
 *
 * @throws Refusal `osmo.illegal-pair` and those of `settle`.
 */
export function understand(given: Given, { names, remembered, board }: Basis): Meaning {
  const mentions = readSentence(given.request ?? "", names.boards);
  if (
    given.flow === "structural_defect_generation" &&
    mentions.some(({ kind, value, negated }) => kind === "defect" && value === "missing" && !negated)
  ) {
    throw new Refusal("osmo.wrong-flow", "A missing component is a texture defect of Day 0, not a pose.", {
      use: "texture_defect_generation_day0",
    });
  }
  const { args, questions } = propose(given, mentions);
  const pass = passed(args);
  const { flow } = args;
  const shown = args.board ?? (flow && args.knobs?.board === undefined && flows[flow].knobs.board ? board : undefined);
  const wanted = { ...args, board: shown, knobs: args.knobs ?? {}, names, ...defined({ remembered }) };
  const settled = flow && (questions.length > 0 ? tryToSettle : settle)({ ...wanted, flow: flows[flow] });
  if (settled === undefined) {
    const open = textsOf(mentions.filter(isLoose));
    const left = open.length > 0 ? [leftQuestion(open)] : [];
    return { settled: undefined, questions: [...questions, ...left], pass, understood: [], open, contradicts: [] };
  }
  const held = matchWords(mentions, settled, given);
  // A question that is put already covers the word that it is about.
  const counts = questions.some(({ id }) => id === "count") ? args.count : undefined;
  const open = held.open.filter(({ exact }) => exact === undefined || exact !== counts);
  const all = [...questions, ...openQuestions(open, mentions, settled, given)];
  return {
    settled: all.length === 0 ? settled : undefined,
    questions: all.filter(({ id }, index) => all.findIndex((other) => other.id === id) === index),
    pass,
    understood: held.understood,
    open: textsOf(open),
    contradicts: contradictions(open, given),
  };
}

/** While a choice is open the defaults in its place may be refused; that is no answer to the caller. */
function tryToSettle(wanted: Wanted): Settled | undefined {
  try {
    return settle(wanted);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Whether a request asks for the plan alone. */
export function asksForPlan(request: string | undefined): boolean {
  return readSentence(request ?? "", []).some(({ kind, negated }) => kind === "recipe" && !negated);
}

/** Whether a word needs an answer whatever the flow turns out to be. */
function isLoose({ kind, exact, of }: Mention): boolean {
  if (kind === "number") return exact === undefined || of === undefined;
  return ["unknown", "negation", "bound", "other-board", "custom-usecase"].includes(kind);
}

const passable = ["flow", "usecase", "board", "count", "count_means", "pair_with"] as const;

function passed(args: RequestArgs): RequestArgs {
  const kept = passable.flatMap((key) => (args[key] === undefined ? [] : [[key, args[key]] as const]));
  const { knobs = {} } = args;
  return { ...Object.fromEntries(kept), ...defined({ knobs: Object.keys(knobs).length > 0 ? knobs : undefined }) };
}
