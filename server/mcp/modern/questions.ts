import { canonicalJson, sha256 } from "../../fs/hash.ts";
import type { Answer, Human, Question } from "../../ports/call.ts";
import { isRecord } from "../../run/record.ts";
import { Asked } from "../asked.ts";

/** What tells a question from every other one. */
export function digestOf({ about, message, fields }: Question): string {
  return sha256(canonicalJson({ about: about ?? message, fields }));
}

/** A human who answered before, each question by its digest; any other question ends the call. */
export function humanWith(canAsk: boolean, answers: Readonly<Record<string, Answer>>): Human {
  return {
    canAsk,
    ask: async (question) => {
      const answer = answers[digestOf(question)];
      if (answer === undefined) throw new Asked(question);
      return answer;
    },
  };
}

/** Anything but a clear accept or decline is silence, and silence is never consent. */
export function answerOf(response: unknown): Answer {
  if (!isRecord(response)) return { action: "cancel" };
  const { action, content } = response;
  if (action === "accept") return { action, content: isRecord(content) ? content : {} };
  return { action: action === "decline" ? "decline" : "cancel" };
}
