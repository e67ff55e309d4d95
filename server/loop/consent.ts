import { Refusal } from "../errors.ts";
import type { Approval } from "../run/state.ts";
import type { Call } from "./call.ts";

/** What a human is asked to agree to. */
export type ConsentRequest = {
  /** Short name of the act, for the form's title: `Approve plan 3f2a`. */
  readonly title: string;
  /** What the human reads before answering: the summary's key rows. */
  readonly message: string;
  /** The command that a person can run at a terminal instead. */
  readonly terminalCommand: string;
  /** Whether the operator agreed in advance when starting the server. */
  readonly preauthorised: boolean;
  /** Whether what is to be agreed on was shown in this connection, which `relayed` needs. */
  readonly shown: boolean;
  /** The human's own words, passed on by the agent. */
  readonly words?: string | undefined;
};

export type Consent = Pick<Approval, "how" | "words" | "client">;

/**
 * Obtains a human's yes in one of the ways of design.md, or refuses.
 *
 * A client that can ask is always asked: its decline or cancel is final here and never becomes `relayed`.
 *
 * @throws Refusal `approval.declined`, `approval.no-human`, `approval.words-missing`; each names the terminal command.
 */
export async function obtainConsent(request: ConsentRequest, call: Call): Promise<Consent> {
  const client = call.client;
  const way = { terminal_command: request.terminalCommand };
  if (request.preauthorised) return { how: "preauthorised", client };
  if (call.human.canAsk) return await ask(request, call, way);
  if (call.deps.env.DEFT_APPROVAL === "human") {
    throw new Refusal(
      "approval.no-human",
      "The operator accepts no relayed approval, and this client cannot ask.",
      way,
    );
  }
  if (request.words === undefined || request.words.trim() === "") {
    const message = "This client cannot ask the human: pass on what they answered to the summary just shown.";
    throw new Refusal("approval.words-missing", message, way);
  }
  if (!request.shown) {
    throw new Refusal("approval.required", "The human has not seen this in the present connection yet.", way);
  }
  return { how: "relayed", words: request.words, client };
}

async function ask(request: ConsentRequest, call: Call, way: Record<string, string>): Promise<Consent> {
  const answer = await call.human.ask({
    message: request.message,
    fields: { approve: { type: "boolean", title: request.title, default: false } },
    required: ["approve"],
  });
  if (answer.action === "accept" && answer.content.approve === true) return { how: "elicited", client: call.client };
  if (answer.action === "cancel") {
    throw new Refusal("approval.no-human", "The question was closed without an answer.", way);
  }
  throw new Refusal("approval.declined", "The human declined.", way);
}
