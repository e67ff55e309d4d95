import type { ServerContext } from "@modelcontextprotocol/server";
import type { Call } from "../../ports/call.ts";
import { clientOf, principalOf } from "./context.ts";

/** What is remembered of a conversation: the requests of these eras do not remember anything themselves. */
export type Conversation = Call["connection"];

export function newConversation(): Conversation {
  return { shownPlans: new Set(), notes: new Map() };
}

export type Conversations = {
  /** The conversation that a request belongs to, as far as it can be told: the same user with the same program. */
  of(context: ServerContext): Conversation;
};

const idleMs = 30 * 60_000;
const most = 256;

/** Conversations by caller, forgotten half an hour after their last request, or earlier when there are too many. */
export function conversations(): Conversations {
  const known = new Map<string, { readonly conversation: Conversation; readonly usedAt: number }>();
  return {
    of(context) {
      const caller = JSON.stringify([principalOf(context), clientOf(context)]);
      const now = performance.now();
      for (const [key, { usedAt }] of known) if (now - usedAt > idleMs) known.delete(key);
      const conversation = known.get(caller)?.conversation ?? newConversation();
      // Set anew, so that the oldest use comes first.
      known.delete(caller);
      known.set(caller, { conversation, usedAt: now });
      const [oldest] = known.keys();
      if (known.size > most && oldest !== undefined) known.delete(oldest);
      return conversation;
    },
  };
}
