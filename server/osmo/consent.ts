import { Refusal } from "../errors.ts";
import type { Call } from "../loop/call.ts";
import type { Consent } from "./submissions.ts";

/** What a human is asked to allow. */
export type Ask = {
  /** Identifies the thing asked for, so that words can only answer what was shown. */
  readonly key: string;
  readonly title: string;
  readonly rows: readonly string[];
  readonly words: string | undefined;
  readonly preauthorised: boolean;
  /** The command with which a person does the same at a terminal. */
  readonly terminal: string;
};

/** Note of a connection whose human sits at the terminal that started the command. */
export const atTerminal = "osmo.console";

/**
 * A human's yes, or a refusal. The server asks the human itself where the client lets it; otherwise the agent may
 * relay words that answer a summary shown before on the same connection. A no is never turned into relayed words.
 *
 * @throws Refusal `osmo.approval-declined`, `osmo.approval-required`, `osmo.approval-no-human`.
 */
export async function obtainConsent(call: Call, ask: Ask): Promise<Consent> {
  const at = call.deps.clock.now().toISOString();
  if (ask.preauthorised) return { how: "preauthorised", at };
  const declined = `osmo.declined:${ask.key}`;
  if (call.human.canAsk) {
    const answer = await call.human.ask({
      message: [ask.title, ...ask.rows].join("\n"),
      fields: { approve: { type: "boolean", title: "Go ahead", default: false } },
      required: ["approve"],
    });
    if (answer.action === "accept" && answer.content.approve === true) {
      return { how: call.connection.notes.has(atTerminal) ? "console" : "elicited", at };
    }
    call.connection.notes.set(declined, true);
  }
  const facts = { asked: ask.title, summary: ask.rows, terminal: ask.terminal };
  if (call.connection.notes.has(declined))
    throw new Refusal("osmo.approval-declined", "The human did not agree.", facts);
  if (call.deps.env.DEFT_APPROVAL === "human") {
    throw new Refusal("osmo.approval-no-human", "The operator wants a human's own yes; this client cannot ask.", facts);
  }
  const shown = `osmo.shown:${ask.key}`;
  if (ask.words?.trim() && call.connection.notes.has(shown)) return { how: "relayed", words: ask.words.trim(), at };
  call.connection.notes.set(shown, true);
  throw new Refusal("osmo.approval-required", "A human must agree to this summary first.", facts);
}
