import { type Facts, Refusal, type RefusalCode } from "../../errors.ts";
import { namespace, signerOf } from "../../exec/ssh-signature.ts";
import { sha256 } from "../../fs/hash.ts";
import type { Call } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import { redactor } from "../../run/redact.ts";
import type { Approval } from "../../run/state.ts";
import { visible } from "../../run/visible.ts";
import { type Act, type Reading, readAnswer } from "./answer-words.ts";

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
  /** What a yes means: words like "stop" agree to a cancel and refuse a start. */
  readonly act: Act;
  /** Settings that were shown; words that repeat them ask for no change. */
  readonly settled?: Readonly<Record<string, unknown>>;
  /** What a refusal says besides: a client that cannot ask shows it to the human. */
  readonly facts?: Facts;
  /** What tells this act from every other one of its title: what a signature covers. The message unless told. */
  readonly subject?: string;
  /** Codes and facts of a refusal where they are not those of an approval. */
  readonly refusal?: { readonly codes: ConsentCodes; readonly facts: Facts };
};

/** Under which code each missing yes is refused. */
export type ConsentCodes = Readonly<
  Record<"declined" | "closed" | "operator_wants_human" | "words_missing" | "not_shown", RefusalCode>
>;

const approvalCodes: ConsentCodes = {
  declined: "approval.declined",
  closed: "approval.no-human",
  operator_wants_human: "approval.no-human",
  words_missing: "approval.words-missing",
  not_shown: "approval.required",
};

const sentences: Readonly<Record<keyof ConsentCodes, string>> = {
  declined: "The human declined.",
  closed: "The question was closed without an answer.",
  operator_wants_human: "The operator accepts no relayed approval, and this client cannot ask.",
  words_missing: "This client cannot ask the human: pass on what they answered to the summary just shown.",
  not_shown: "The human has not seen this in the present connection yet.",
};

/** Note of a connection whose human sits at the terminal that started the command. */
export const atTerminal = "consent.console";

export type Consent = Pick<Approval, "how" | "words" | "client" | "user" | "signer" | "signature">;

/**
 * Obtains a human's yes in one of the ways of design.md, or refuses.
 *
 * Where DEFT_APPROVERS names allowed signers, nothing but a signature counts. Else a client that can ask is always asked:
 * its decline or cancel is final here and never becomes `relayed`.
 *
 * @throws Refusal `approval.signature-missing`, `approval.signature-invalid`, `approval.declined`, `approval.no-human`, `approval.words-missing`, `approval.required`, or the codes
 * of the request; the facts name the terminal command.
 */
export async function obtainConsent(request: ConsentRequest, call: Call): Promise<Consent> {
  return { ...(await consentOf(request, call)), ...defined({ user: call.user }) };
}

async function consentOf(request: ConsentRequest, call: Call): Promise<Consent> {
  const { client } = call;
  const approvers = call.deps.env.DEFT_APPROVERS;
  if (approvers) return await signed(request, approvers, call);
  if (request.preauthorised) return { how: "preauthorised", client };
  if (call.human.canAsk) return await ask(request, call);
  if (call.deps.env.DEFT_APPROVAL === "human") throw missingYes(request, "operator_wants_human");
  const words = request.words?.trim();
  if (!words) throw missingYes(request, "words_missing");
  if (!request.shown) throw missingYes(request, "not_shown");
  // What a person types may hold a secret; it would lie in the state and in the report.
  const clean = redactor(call.deps.env)(words);
  const reading = readAnswer(words, request.act, request.settled);
  if (reading.as !== "yes") throw notYes(request, clean, reading);
  return { how: "relayed", words: clean, client };
}

const readings: Readonly<Record<Exclude<Reading["as"], "yes">, string>> = {
  no: "These words refuse",
  question: "These words ask something: answer it, then pass on what the human says to that",
  change: "These words ask for a change: plan anew with it and show the human the new summary",
  unclear: "These words are no clear yes: ask the human again",
  blank: "These words hold nothing that can be read: pass on what the human said",
};

/** Words that are no yes, shown as they came. Only a plan can be changed by another call of `preflight`. */
function notYes(request: ConsentRequest, words: string, { as, pass }: Exclude<Reading, { as: "yes" }>): Refusal {
  const why = as === "no" ? "declined" : "words_missing";
  const base = missingYes(request, why);
  const shown = visible(words).slice(0, 300);
  const said = as === "yes" || (as === "change" && request.act !== "start") ? readings.unclear : readings[as];
  const facts = { ...base.facts, words: shown, read_as: as, ...(pass && { pass_to_preflight: pass }) };
  return new Refusal(base.code, `${said}: ${JSON.stringify(shown)}.`, facts);
}

async function ask(request: ConsentRequest, call: Call): Promise<Consent> {
  const answer = await call.human.ask({
    message: request.message,
    fields: { approve: { type: "boolean", title: request.title, default: false } },
    required: ["approve"],
    ...defined({ about: request.subject }),
  });
  if (answer.action === "accept" && answer.content.approve === true) {
    return { how: call.connection.notes.has(atTerminal) ? "console" : "elicited", client: call.client };
  }
  throw missingYes(request, answer.action === "cancel" ? "closed" : "declined");
}

function missingYes(request: ConsentRequest, why: keyof ConsentCodes): Refusal {
  const { codes, facts } = request.refusal ?? {
    codes: approvalCodes,
    facts: { terminal_command: request.terminalCommand, ...request.facts },
  };
  return new Refusal(codes[why], sentences[why], facts);
}

/** What approving a plan is called. */
export function approvalTitle(planId: string): string {
  return `Approve plan ${planId}`;
}

/** The one line that an approver signs. */
export function statementOf(title: string, subject: string): string {
  return `deft-mcp ${title}: ${sha256(subject).slice(0, 32)}`;
}

/**
 * A yes that carries the signature of an allowed signer, whose key the agent cannot read. The agent passes it on as `words`.
 *
 * @throws Refusal `approval.signature-missing`, `approval.signature-invalid`, `approval.no-verifier`.
 */
async function signed(request: ConsentRequest, approvers: string, call: Call): Promise<Consent> {
  const statement = statementOf(request.title, request.subject ?? request.message);
  const signature = request.words?.trim() ?? "";
  const facts = { statement, sign_command: `printf %s '${statement}' | ssh-keygen -Y sign -n ${namespace} -f KEY` };
  if (!signature.startsWith("-----BEGIN SSH SIGNATURE-----")) {
    throw new Refusal("approval.signature-missing", "This server takes signed approvals only.", facts);
  }
  const signer = await signerOf(statement, signature, approvers, call.deps.env);
  if (signer === undefined) {
    throw new Refusal("approval.signature-invalid", "No allowed signer signed this very statement.", facts);
  }
  return { how: "signed", signer, signature, client: call.client };
}

/** Refuses a person at a terminal where only signatures count. @throws Refusal `approval.signature-missing`. */
export function refuseUnsigned({ env }: Pick<Call["deps"], "env">): void {
  if (!env.DEFT_APPROVERS) return;
  throw new Refusal("approval.signature-missing", "DEFT_APPROVERS is set: a terminal is no approval here.", {});
}
