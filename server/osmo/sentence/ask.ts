import { meaningsOf } from "../counting.ts";
import type { FlowId } from "../flow.ts";
import { flows } from "../flow-table.ts";
import {
  boardQuestion,
  type ChoiceQuestion,
  countQuestion,
  ownDataQuestion,
  usecaseQuestion,
  whichFirstQuestion,
} from "../questions.ts";
import { ownPhoto, type Settled } from "../settle.ts";
import { modesOf, pairsOf } from "../taxonomy.ts";
import type { Given } from "./match.ts";
import { leftQuestion, pairQuestion, photoQuestion, stepQuestion, withoutQuestion } from "./open-questions.ts";
import type { Mention } from "./read.ts";

/** Questions beside the one for all that is left; a form holds four. */
const mostOfTheirOwn = 3;

/** One question a kind of word that the plan does not carry out, with options ready to pass, and one for the rest. */
export function openQuestions(
  open: readonly Mention[],
  mentions: readonly Mention[],
  settled: Settled,
  given: Given,
): ChoiceQuestion[] {
  const asked = new Set<Mention>();
  const questions: ChoiceQuestion[] = [];
  const add = (about: readonly Mention[], question: ChoiceQuestion | undefined) => {
    if (about.length === 0 || question === undefined || question.options.length < 2) return;
    if (questions.length >= mostOfTheirOwn || questions.some(({ id }) => id === question.id)) return;
    questions.push(question);
    for (const each of about) asked.add(each);
  };
  const of = (...kinds: Mention["kind"][]) => open.filter(({ kind }) => kinds.includes(kind));
  const { request } = given;
  const otherFlow = impliedFlow(open, settled);
  if (otherFlow) add(otherFlow.about, whichFirstQuestion([settled.flow.id, otherFlow.flow], request));
  const numbers = open.filter(
    ({ kind, of: counted, possible }) =>
      (kind === "number" || possible.length > 0) && counted !== "step" && counted !== "gpu",
  );
  const counts = [
    ...new Set(numbers.flatMap(({ exact, possible }) => (exact === undefined ? possible : [exact]))),
  ].filter((count) => count > 0);
  if (counts.length > 0 && meaningsOf(settled.flow).length > 0) {
    add(
      numbers.filter(({ exact, possible }) => exact !== undefined || possible.length > 0),
      countQuestion(counts, request, settled.flow.id),
    );
  }
  add(of("negation"), without(mentions, settled));
  if (settled.flow.knobs.board) add(boardLike(open, mentions), boardQuestion(request));
  add(of("usecase"), usecaseQuestion(settled.flow.usecases, request));
  add(
    of("photo", "own").filter(({ kind, of: thing }) => kind === "photo" || thing === "photo"),
    photoQuestion(request, ownPhoto(settled.set.dig_url_root)),
  );
  add(
    of("data", "own").filter(({ of: thing }) => thing !== "photo"),
    ownDataQuestion(request),
  );
  const [step] = open.filter(({ of: counted }) => counted === "step");
  if (step) add([step], stepQuestion(step.exact ?? step.possible[0], settled.values.checkpoint_step));
  add(of("pair"), pairQuestion());
  const left = open.filter((each) => !asked.has(each));
  return left.length === 0 ? questions : [...questions, leftQuestion(textsOf(left))];
}

/** What was not used, as it stands in the request, each once and a row of words together. */
export function textsOf(mentions: readonly Mention[]): string[] {
  return [...new Set(mentions.map(({ text }) => text))];
}

/** The flow that makes what the sentence names, when the settled one does not. */
function impliedFlow(open: readonly Mention[], settled: Settled): { flow: FlowId; about: Mention[] } | undefined {
  const makes: Readonly<Record<string, FlowId>> = {
    good: "good_image_generation",
    structural: "structural_defect_generation",
    texture: "texture_defect_generation_day0",
    photo: "texture_defect_generation_day1_real_alignment",
    manual: "texture_defect_generation_day1_manual_roi",
    finetune: "finetune",
  };
  const implied = (mention: Mention): FlowId | undefined => {
    if (mention.kind === "mode") return makes.structural;
    if (mention.kind === "defect" && ["bridge", "excess_solder", "missing"].includes(mention.value))
      return makes.texture;
    return mention.kind === "family" ? makes[mention.value] : undefined;
  };
  const about = open.filter((mention) => ![undefined, settled.flow.id].includes(implied(mention)));
  const flow = about[0] && implied(about[0]);
  return flow === undefined || !flows[flow] ? undefined : { flow, about };
}

/** What is left of the settled list when the negated names are taken out. */
function without(mentions: readonly Mention[], { flow, values }: Settled): ChoiceQuestion | undefined {
  const gone = mentions.filter(({ negated }) => negated);
  const text = mentions
    .filter(({ kind, negated }) => negated || kind === "negation")
    .map((each) => each.text)
    .join(" ");
  if (flow.knobs.defect_modes) {
    const left = modesOf(values).filter((mode) => !gone.some(({ value }) => value === mode));
    return left.length > 0 && left.length < modesOf(values).length
      ? withoutQuestion(text, "defect_modes", left.join(","))
      : undefined;
  }
  if (!flow.knobs.anomaly_types_json) return undefined;
  const all = pairsOf(values);
  const left = all.filter(([material, defect]) => !gone.some(({ value }) => value === defect || value === material));
  return left.length > 0 && left.length < all.length ? withoutQuestion(text, "anomaly_types_json", left) : undefined;
}

/** Words that speak of a board that is not known: `another board`, `the foo board`, a board that is not the settled one. */
function boardLike(open: readonly Mention[], mentions: readonly Mention[]): Mention[] {
  return open.filter((mention) => {
    if (mention.kind === "board" || mention.kind === "other-board" || mention.kind === "material") return true;
    const next = mentions[mentions.indexOf(mention) + 1];
    return ["unknown", "number"].includes(mention.kind) && next?.kind === "board" && next.value === "";
  });
}

/** Arguments that say something else than the sentence, each with the word. */
export function contradictions(open: readonly Mention[], given: Given): string[] {
  const slots: Partial<Record<Mention["kind"], readonly string[]>> = {
    flow: ["flow"],
    family: ["flow"],
    mode: ["knobs.defect_modes", "flow"],
    defect: ["knobs.anomaly_types_json", "flow"],
    material: ["board", "knobs.board", "knobs.anomaly_types_json"],
    usecase: ["usecase", "knobs.usecase"],
    board: ["board", "knobs.board"],
    number: ["count"],
    total: ["count_means"],
  };
  return open.flatMap(({ kind, text, of }) => {
    const names = of === "step" ? ["knobs.checkpoint_step"] : (slots[kind] ?? []);
    const passed = names.find((name) => passedValue(given, name) !== undefined);
    return passed === undefined
      ? []
      : [`${passed}=${JSON.stringify(passedValue(given, passed))}, but the request says "${text}"`];
  });
}

function passedValue(given: Given, name: string): unknown {
  const [first = "", knob] = name.split(".");
  return knob === undefined ? given[first as keyof Given] : given.knobs?.[knob];
}
