import { Refusal } from "../errors.ts";
import type { OsmoClient } from "../exec/osmo/client.ts";
import type { Profile } from "../exec/osmo/shapes.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { askChoices, chosenArgs } from "./ask.ts";
import { flows } from "./flow-table.ts";
import { type Intent, type RequestArgs, readIntent } from "./intent.ts";
import { checkKnob } from "./knobs.ts";
import { judgeTemplate } from "./pod-template.ts";
import { isInCluster, type Preferences, remember } from "./preferences.ts";
import { type ChoiceQuestion, endpointQuestion, poolQuestion, rootQuestion, templateQuestion } from "./questions.ts";
import type { Wanted } from "./settle.ts";

/** A request without open choices. */
export type Decided = {
  readonly wanted: Wanted;
  readonly pool: string | undefined;
  /** Whether a human or the operator has named this storage root before. */
  readonly root_confirmed: boolean;
  readonly template_answer?: string | undefined;
};

type Args = RequestArgs & { readonly pool?: string | undefined };

/**
 * Decides everything that is load-bearing. What is open is asked in one form: the flow's choices, and on first use
 * root, pool, pod template and endpoint with them, before any preflight. Confirmed values are saved at once.
 *
 * @throws Refusal `osmo.needs-choice`, `osmo.approval-declined`, and those of `readIntent`.
 */
export async function decide(
  call: Call,
  args: Args,
  preferences: Preferences,
  remote: { readonly client: OsmoClient; readonly profile: Profile } | undefined,
): Promise<Decided> {
  const operatorRoot = call.deps.env.DEFT_OSMO_ROOT;
  const known = operatorRoot ?? preferences.dig_url_root;
  const intent = readIntent(withBoard(args, preferences));
  const questions = intent.kind === "ask" ? [...intent.questions] : [];
  const pool = remote ? poolFor(args, preferences, remote.profile) : args.pool;
  if (remote) {
    const firstTime = known === undefined && args.knobs?.dig_url_root === undefined;
    if (firstTime) questions.push(rootQuestion());
    if (pool === undefined) questions.push(poolQuestion(remote.profile.pools));
    if (firstTime) questions.push(...(await setupQuestions(intent, preferences, args, remote.client)));
  }
  const remembered = { dig_url_root: known, image_edit_endpoint: preferences.image_edit_endpoint };
  if (questions.length === 0 && intent.kind === "settled") {
    const wanted = { ...intent.wanted, remembered };
    const root = args.knobs?.dig_url_root ?? known;
    return { wanted, pool, root_confirmed: root !== undefined && root === known };
  }
  return askAndMerge(call, withBoard(args, preferences), questions, { remembered, pool });
}

type Known = { readonly remembered: NonNullable<Wanted["remembered"]>; readonly pool: string | undefined };

/** Shows the one form; what is still open after it goes back to the caller. */
async function askAndMerge(
  call: Call,
  args: Args,
  questions: readonly ChoiceQuestion[],
  known: Known,
): Promise<Decided> {
  const answers = await askChoices(call, questions, "Some choices are yours to make.");
  const chosen = chosenArgs(questions, answers);
  const typed = typedAnswers(answers);
  const merged: Args = {
    ...args,
    ...defined({ ...chosen, knobs: undefined }),
    ...defined({ board: typed.board || undefined }),
    knobs: { ...args.knobs, ...chosen.knobs, ...typed.knobs },
  };
  await saveConfirmed(call, typed);
  const again = readIntent(merged);
  if (again.kind === "ask") return decideAgain(again.questions);
  const root = merged.knobs?.dig_url_root ?? known.remembered.dig_url_root;
  return {
    wanted: { ...again.wanted, remembered: known.remembered },
    pool: chosen.pool ?? known.pool,
    root_confirmed: root !== undefined && (root === known.remembered.dig_url_root || root === typed.knobs.dig_url_root),
    template_answer: answers.get(templateQuestion().id),
  };
}

function withBoard(args: Args, preferences: Preferences): Args {
  const settled = args.board !== undefined || args.knobs?.board !== undefined || preferences.board === undefined;
  if (settled || (args.flow && !flows[args.flow].knobs.board)) return args;
  const intent = readIntent(args);
  const takesBoard = intent.kind === "settled" && intent.wanted.flow.knobs.board && intent.wanted.board === undefined;
  return takesBoard ? { ...args, board: preferences.board } : args;
}

function poolFor(args: Args, preferences: Preferences, profile: Profile): string | undefined {
  const accessible = profile.pools;
  const pool =
    args.pool ?? preferences.pool ?? profile.profile.pool ?? (accessible.length === 1 ? accessible[0] : undefined);
  if (pool === undefined && accessible.length > 0) return undefined;
  if (pool !== undefined && (accessible.length === 0 || accessible.includes(pool))) return pool;
  throw new Refusal("osmo.no-pool", `Pool ${pool ?? ""} is not accessible.`, { pool, accessible });
}

async function setupQuestions(
  intent: Intent,
  preferences: Preferences,
  args: Args,
  client: OsmoClient,
): Promise<ChoiceQuestion[]> {
  const flow = intent.kind === "settled" ? intent.wanted.flow : undefined;
  const questions: ChoiceQuestion[] = [];
  const renders = flow?.tasks.some((task) => task.sized_by === "render" || task.sized_by === "train");
  if (renders && preferences.pod_template === undefined) {
    if (judgeTemplate(await client.podTemplate()).outcome === "ask") questions.push(templateQuestion());
  }
  const endpointOpen = preferences.image_edit_endpoint === undefined && args.knobs?.image_edit_endpoint === undefined;
  if (flow?.knobs.image_edit_endpoint && endpointOpen) questions.push(endpointQuestion());
  return questions;
}

type Typed = { knobs: Record<string, string>; board?: string };

/** Free text of the form, checked as the knobs that it becomes. */
function typedAnswers(answers: ReadonlyMap<string, string>): Typed {
  const day0 = flows.texture_defect_generation_day0;
  const typed: Typed = { knobs: {} };
  const root = answers.get("dig_url_root");
  if (root !== undefined) typed.knobs.dig_url_root = checkKnob(day0, "dig_url_root", root.replace(/\/+$/, ""));
  const endpoint = answers.get("image_edit_endpoint");
  if (endpoint?.startsWith("http")) typed.knobs.image_edit_endpoint = checkKnob(day0, "image_edit_endpoint", endpoint);
  const board = answers.get("board");
  if (board !== undefined) typed.board = checkKnob(day0, "board", board.split(" ")[0]);
  return typed;
}

async function saveConfirmed(call: Call, { knobs }: Typed): Promise<void> {
  const { dig_url_root: root, image_edit_endpoint: endpoint } = knobs;
  const keep = defined({
    dig_url_root: root || undefined,
    image_edit_endpoint: endpoint && !isInCluster(endpoint) ? endpoint : undefined,
  });
  if (Object.keys(keep).length > 0) await remember(call.deps.env, keep);
}

function decideAgain(questions: readonly ChoiceQuestion[]): never {
  throw new Refusal("osmo.needs-choice", "One choice led to another.", {
    questions: questions.map(({ id, ask, options }) => ({
      id,
      ask,
      options: options.map(({ label, set }) => ({ label, set })),
    })),
  });
}
