import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import {
  createRequestStateCodec,
  type InputRequiredResult,
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  type RequestStateCodec,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { makeDirectory } from "../../fs/atomic.ts";
import { createNew } from "../../fs/compare-and-set.ts";
import { canonicalJson, sha256 } from "../../fs/hash.ts";
import { listPaths } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import { ownKey } from "../../fs/secret.ts";
import type { Answer, Deps, Human, Question } from "../../ports/call.ts";
import { userDir } from "../../run/env.ts";
import { visible } from "../../run/visible.ts";
import { formOf } from "../form.ts";
import { canElicit, principalOf } from "./context.ts";
import { answerOf, digestOf, humanWith } from "./questions.ts";

/** People need minutes to read a plan. */
const patienceSec = 30 * 60;
const key = "answer";

/**
 * What goes to the client with a question and comes back with its answer, under our seal: which call asked, what was
 * asked, and what was answered before. No other call, question or plan takes the answer, and none takes it twice.
 */
type Sealed = {
  readonly call: string;
  readonly asked: string;
  readonly answers: Readonly<Record<string, Answer>>;
  readonly once: string;
};

/** One round of a call: its human, and the result by which it asks for the next round. */
export type Round = {
  readonly human: Human;
  ask(question: Question): Promise<InputRequiredResult>;
};

export type RoundTrips = {
  /** Checks the seal of a state that came back; for the SDK, which calls it before any handler. */
  verify(state: string, context: ServerContext): Promise<unknown>;
  /**
   * Begins the first round of a call, or goes on with what its human answered.
   *
   * @throws ProtocolError for a state that another call was given, or that was used before.
   */
  open(context: ServerContext, call: { readonly tool: string; readonly given: unknown }): Promise<Round>;
};

/**
 * Questions to the human as round trips: a call that needs an answer ends with the question, and the same call comes
 * again with it. Nothing of it is kept here but the key of the seal and the marks of what was used, both on the disk of
 * this user: any process of theirs can take up the next round.
 */
export function roundTrips(deps: Deps, clean: (text: string) => string): RoundTrips {
  const place = join(userDir(deps.env, "state"), "answered");
  let made: Promise<RequestStateCodec<Sealed>> | undefined;
  const codec = () => {
    made ??= ownKey(join(userDir(deps.env, "state"), "request-state.key")).then((secret) =>
      createRequestStateCodec<Sealed>({
        key: secret,
        ttlSeconds: patienceSec,
        bind: principalOf,
      }),
    );
    return made;
  };
  return {
    verify: async (state, context) => (await codec()).verify(state, context),
    async open(context, { tool, given }) {
      const call = sha256(canonicalJson({ tool, given: given ?? {} }));
      const sealed = context.mcpReq.requestState<Sealed>();
      if (sealed !== undefined) await useOnce(sealed, call, place);
      const answers: Record<string, Answer> = { ...sealed?.answers };
      if (sealed !== undefined) answers[sealed.asked] = answerOf(context.mcpReq.inputResponses?.[key]);
      return {
        human: humanWith(canElicit(context), answers),
        async ask(question) {
          const state: Sealed = {
            call,
            asked: digestOf(question),
            answers,
            once: `${Math.floor(Date.now() / 1000)}-${randomBytes(16).toString("hex")}`,
          };
          const shown = { ...question, message: visible(clean(question.message)) };
          return inputRequired({
            inputRequests: { [key]: inputRequired.elicit(formOf(shown)) },
            requestState: await (await codec()).mint(state, context),
          });
        },
      };
    },
  };
}

async function useOnce({ call, once }: Sealed, asking: string, place: string): Promise<void> {
  await makeDirectory(place, 0o700);
  await forgetOld(place);
  if (call === asking && marks.test(once) && (await createNew(join(place, once), ""))) return;
  const reason = { reason: "invalid_request_state" };
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Invalid or expired requestState", reason);
}

/** Second of its making and chance. */
const marks = /^(\d+)-[0-9a-f]{32}$/;

/** Marks outlive what they mark by a while; an expired state is refused by its seal. */
async function forgetOld(place: string): Promise<void> {
  const dead = Date.now() / 1000 - 2 * patienceSec;
  for (const path of await listPaths(place, marks)) {
    if (Number(marks.exec(basename(path))?.[1]) < dead) await removeIfPresent(path);
  }
}
