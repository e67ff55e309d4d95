import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Answer, Human, Question } from "../ports/call.ts";
import { visible } from "../run/visible.ts";
import { formOf } from "./form.ts";

/** People need minutes to read a plan; the SDK would give up after one. */
const patienceMs = 30 * 60_000;

/**
 * The person behind a connected client, through form elicitation.
 *
 * A client that throws, answers something else or goes away counts as `cancel`: silence is never consent.
 */
export function humanOf(
  server: Server,
  requestId: string | number,
  signal: AbortSignal,
  clean: (text: string) => string,
): Human {
  const canAsk = server.getClientCapabilities()?.elicitation?.form !== undefined;
  return {
    canAsk,
    async ask(question: Question): Promise<Answer> {
      try {
        const options = { timeout: patienceMs, signal, relatedRequestId: requestId };
        const answer = await server.elicitInput(
          formOf({ ...question, message: visible(clean(question.message)) }),
          options,
        );
        if (answer.action === "accept") return { action: "accept", content: answer.content ?? {} };
        return { action: answer.action };
      } catch {
        return { action: "cancel" };
      }
    },
  };
}
