import { Refusal } from "../errors.ts";
import type { Call, Question } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import type { ChoiceQuestion, Chosen } from "./questions.ts";

/** Answers by question id: the option's label, or free text. */
export type Answers = ReadonlyMap<string, string>;

const mostQuestions = 4;

/**
 * Puts the questions to the human in one form, or refuses with them when the client cannot ask.
 *
 * @throws Refusal `osmo.needs-choice` with the questions and what each option sets; `osmo.approval-declined`.
 */
export async function askChoices(call: Call, questions: readonly ChoiceQuestion[], why: string): Promise<Answers> {
  const bundle = questions.slice(0, mostQuestions);
  if (!call.human.canAsk) {
    throw new Refusal("osmo.needs-choice", why, {
      questions: bundle.map(({ id, ask, options, free_text }) => ({
        id,
        ask,
        options: options.map(({ label, set }) => ({ label, set })),
        ...defined({ or: free_text || undefined }),
      })),
    });
  }
  const answer = await call.human.ask(formOf(bundle, why));
  const given = answer.action === "accept" ? answer.content : undefined;
  const answers = new Map(bundle.flatMap(({ id }) => (given?.[id] ? [[id, String(given[id]).trim()] as const] : [])));
  if (answers.size < bundle.length || [...answers.values()].includes("cancel")) {
    throw new Refusal("osmo.approval-declined", "The human left a question open.", {
      asked: bundle.map(({ ask }) => ask),
    });
  }
  return answers;
}

function formOf(questions: readonly ChoiceQuestion[], why: string): Question {
  const lines = questions.flatMap(({ ask, options }) => [
    ask,
    ...options.map(({ label, set }) => (set ? `- ${label}: ${set}` : `- ${label}`)),
  ]);
  return {
    message: [why, ...lines].join("\n"),
    fields: Object.fromEntries(
      questions.map(({ id, ask, options, free_text }) => [
        id,
        {
          type: "string" as const,
          title: ask,
          ...(free_text
            ? { description: `${options.map(({ label }) => label).join(", ")}; or ${free_text}` }
            : { enum: options.map(({ label }) => label) }),
        },
      ]),
    ),
    required: questions.map(({ id }) => id),
  };
}

/** The arguments that an answer stands for; text that is no option's label stays with the caller. */
export function chosenArgs(questions: readonly ChoiceQuestion[], answers: Answers): Chosen {
  let chosen: Chosen = {};
  for (const { id, options } of questions) {
    const args = options.find(({ label }) => label === answers.get(id))?.args;
    chosen = { ...chosen, ...args, knobs: { ...chosen.knobs, ...args?.knobs } };
  }
  return chosen;
}
