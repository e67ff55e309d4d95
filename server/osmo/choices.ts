import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { Profile } from "../exec/osmo/shapes.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { keyValues } from "../run/key-values.ts";
import { type Answers, askChoices, chosenArgs } from "./ask.ts";
import { endpointQuestion, poolQuestion, rootQuestion, templateQuestion } from "./first-questions.ts";
import { flows } from "./flow-table.ts";
import { checkKnob } from "./knobs.ts";
import { boardNamed, type KnownNames } from "./names.ts";
import { judgeTemplate } from "./pod-template.ts";
import { isInCluster, type Preferences, remember } from "./preferences.ts";
import { type ChoiceQuestion, questionFacts } from "./questions.ts";
import { type Meaning, type RequestArgs, understand } from "./sentence/understand.ts";
import type { Settled, Wanted } from "./settle.ts";

/** A request without open choices. */
export type Decided = {
  readonly settled: Settled;
  readonly pool: string | undefined;
  /** Whether a human or the operator has named this storage root before. */
  readonly root_confirmed: boolean;
  readonly template_answer?: string | undefined;
  readonly pair_with?: string | undefined;
  /** What the plan makes of the words of the request. */
  readonly understood: readonly string[];
  /** Words that a human left out when asked. */
  readonly not_used: readonly string[];
};

export type DecideArgs = RequestArgs & {
  readonly pool?: string | undefined;
};

type Remote = { readonly client: OsmoClient; readonly profile: Profile };

/**
 * Decides everything that is load-bearing. What is open is asked in one form: the flow's choices, and on first use
 * root, pool, pod template and endpoint with them, before any preflight. Confirmed values are saved at once.
 *
 * @throws Refusal `osmo.needs-choice`, `osmo.approval-declined`, and those of `settle`.
 */
export async function decide(
  call: Call,
  args: DecideArgs,
  preferences: Preferences,
  names: KnownNames,
  remote: Remote | undefined,
): Promise<Decided> {
  const known = call.deps.env.DEFT_OSMO_ROOT ?? preferences.dig_url_root;
  const remembered = { dig_url_root: known, image_edit_endpoint: preferences.image_edit_endpoint };
  const basis: Basis = { remembered, names, board: preferences.board };
  const meaning = understand(args, basis);
  const pool = remote ? poolFor(args, preferences, remote.profile) : args.pool;
  const setup = remote ? await setupQuestions(meaning, preferences, args, remote, { known, pool }) : [];
  const questions = [...meaning.questions, ...setup];
  if (questions.length > 0 || meaning.settled === undefined) {
    return askAndMerge(call, args, { ...meaning, questions }, { ...basis, pool });
  }
  const root = args.knobs?.dig_url_root ?? known;
  return {
    settled: meaning.settled,
    pool,
    pair_with: args.pair_with,
    root_confirmed: root !== undefined && root === known,
    understood: meaning.understood,
    not_used: [],
  };
}

type Basis = {
  readonly remembered: NonNullable<Wanted["remembered"]>;
  readonly names: KnownNames;
  /** The board of earlier submits, for flows that show one when none is named. */
  readonly board: string | undefined;
};

/** Shows the one form; what is still open after it goes back to the caller. */
async function askAndMerge(
  call: Call,
  args: DecideArgs,
  { questions, pass, open, contradicts }: Meaning,
  known: Basis & { readonly pool: string | undefined },
): Promise<Decided> {
  const why = contradicts.length > 0 ? "The arguments and the request disagree." : "Some choices are yours to make.";
  const told = {
    pass: asShown(pass),
    not_used: open,
    ...defined({ contradicts: contradicts.length > 0 ? contradicts : undefined }),
  };
  const answers = await askChoices(call, questions, why, told);
  const chosen = chosenArgs(questions, answers);
  stopForWork(questions, answers, pass);
  const typed = typedAnswers(answers, known.names);
  const merged: DecideArgs = {
    ...args,
    ...pass,
    ...defined({ ...chosen, knobs: undefined }),
    ...defined({ board: typed.board }),
    knobs: { ...pass.knobs, ...chosen.knobs, ...typed.knobs },
  };
  await saveConfirmed(call, typed.knobs);
  // The human has seen every open word, so the answers alone count now.
  const again = understand({ ...merged, request: undefined }, known);
  if (again.settled === undefined) {
    const facts = { questions: questionFacts(again.questions), pass: asShown(again.pass) };
    throw new Refusal("osmo.needs-choice", "One choice led to another.", facts);
  }
  const root = merged.knobs?.dig_url_root ?? known.remembered.dig_url_root;
  return {
    settled: again.settled,
    pool: chosen.pool ?? known.pool,
    pair_with: merged.pair_with,
    root_confirmed: root !== undefined && (root === known.remembered.dig_url_root || root === typed.knobs.dig_url_root),
    template_answer: answers.get(templateQuestion().id),
    understood: [...answers].map(([id, answer]) => `${id}: ${answer}`),
    not_used: open,
  };
}

/** An answer that is something to do first, an upload or another submit, ends the call with what to do. */
function stopForWork(questions: readonly ChoiceQuestion[], answers: Answers, pass: RequestArgs): void {
  for (const { id, options } of questions) {
    const answer = options.find(({ label }) => label === answers.get(id));
    if (!["photo", "pair"].includes(id) || answer === undefined || answer.args !== undefined) continue;
    throw new Refusal("osmo.needs-choice", `${answer.label}: ${answer.set}.`, {
      do_first: answer.set,
      pass: asShown(pass),
    });
  }
}

/** Arguments in the form that the tool's schema shows. */
function asShown(pass: RequestArgs) {
  return { ...pass, ...defined({ knobs: pass.knobs && keyValues(pass.knobs) }) };
}

function poolFor(args: DecideArgs, preferences: Preferences, profile: Profile): string | undefined {
  const accessible = profile.pools;
  const pool =
    args.pool ?? preferences.pool ?? profile.profile.pool ?? (accessible.length === 1 ? accessible[0] : undefined);
  if (pool === undefined && accessible.length > 0) return undefined;
  if (pool !== undefined && (accessible.length === 0 || accessible.includes(pool))) return pool;
  throw new Refusal("osmo.no-pool", `Pool ${pool ?? ""} is not accessible.`, { pool, accessible });
}

/** What is asked on first use only: root, pool, pod template and endpoint. */
async function setupQuestions(
  { settled }: Meaning,
  preferences: Preferences,
  args: DecideArgs,
  { client, profile }: Remote,
  { known, pool }: { readonly known: string | undefined; readonly pool: string | undefined },
): Promise<ChoiceQuestion[]> {
  const firstTime = known === undefined && args.knobs?.dig_url_root === undefined;
  const questions: ChoiceQuestion[] = firstTime ? [rootQuestion()] : [];
  if (pool === undefined) questions.push(poolQuestion(profile.pools));
  if (!firstTime) return questions;
  const renders = settled?.flow.tasks.some((task) => task.sized_by === "render" || task.sized_by === "train");
  if (renders && preferences.pod_template === undefined) {
    if (judgeTemplate(await client.podTemplate()).outcome === "ask") questions.push(templateQuestion());
  }
  const endpointOpen = preferences.image_edit_endpoint === undefined && args.knobs?.image_edit_endpoint === undefined;
  if (settled?.flow.knobs.image_edit_endpoint && endpointOpen) questions.push(endpointQuestion());
  return questions;
}

type Typed = { knobs: Record<string, string>; board?: string };

/** Free text of the form, checked as the arguments that it becomes. */
function typedAnswers(answers: ReadonlyMap<string, string>, names: KnownNames): Typed {
  const day0 = flows.texture_defect_generation_day0;
  const typed: Typed = { knobs: {} };
  const root = answers.get("dig_url_root");
  if (root !== undefined) typed.knobs.dig_url_root = checkKnob(day0, "dig_url_root", root.replace(/\/+$/, ""));
  const endpoint = answers.get("image_edit_endpoint");
  if (endpoint?.startsWith("http")) typed.knobs.image_edit_endpoint = checkKnob(day0, "image_edit_endpoint", endpoint);
  const board = answers.get("board");
  if (board !== undefined) typed.board = boardNamed(board.split(" ")[0] ?? "", names);
  const photo = answers.get("photo");
  if (photo?.includes("/")) {
    const alignment = flows.texture_defect_generation_day1_real_alignment;
    typed.knobs.real_image_filename = checkKnob(alignment, "real_image_filename", photo);
  }
  return typed;
}

async function saveConfirmed(call: Call, { dig_url_root, image_edit_endpoint }: Typed["knobs"]): Promise<void> {
  const keep = defined({
    dig_url_root: dig_url_root || undefined,
    image_edit_endpoint: image_edit_endpoint && !isInCluster(image_edit_endpoint) ? image_edit_endpoint : undefined,
  });
  if (Object.keys(keep).length > 0) await remember(call.deps.env, keep);
}
