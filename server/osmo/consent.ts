import { type ConsentCodes, obtainConsent } from "../loop/approval/consent.ts";
import type { Call } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import type { Consent } from "./submissions.ts";

/** What a human is asked to allow on OSMO. */
type Ask = {
  /** Identifies the thing asked for, so that words can only answer what was shown. */
  readonly key: string;
  readonly title: string;
  readonly rows: readonly string[];
  readonly words: string | undefined;
  readonly preauthorised: boolean;
  /** Whether a yes starts or stops something; it starts unless told. */
  readonly act?: "start" | "stop";
  /** The command with which a person does the same at a terminal. */
  readonly terminal: string;
};

const codes: ConsentCodes = {
  declined: "osmo.approval-declined",
  closed: "osmo.approval-declined",
  operator_wants_human: "osmo.approval-no-human",
  words_missing: "osmo.approval-required",
  not_shown: "osmo.approval-required",
};

/**
 * A human's yes to something on OSMO. A refusal carries the summary, so the refusal itself is what shows it: words that
 * come with the next call on the same connection answer it.
 *
 * @throws Refusal `osmo.approval-declined`, `osmo.approval-required`, `osmo.approval-no-human`.
 */
export async function consentTo(call: Call, ask: Ask): Promise<Consent> {
  const { key, title, rows, words, preauthorised, terminal } = ask;
  const shownNote = `osmo.shown:${key}`;
  const shown = call.connection.notes.has(shownNote);
  if (!call.human.canAsk) call.connection.notes.set(shownNote, true);
  const given = await obtainConsent(
    {
      title: "Go ahead",
      message: [title, ...rows].join("\n"),
      terminalCommand: terminal,
      preauthorised,
      shown,
      words,
      act: ask.act ?? "start",
      refusal: { codes, facts: { asked: title, summary: rows, terminal } },
    },
    call,
  );
  const at = call.deps.clock.now().toISOString();
  return { how: given.how, at, ...defined({ words: given.words, user: given.user }) };
}
