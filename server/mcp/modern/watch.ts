import type { Deps } from "../../ports/call.ts";
import { isRecord, membersOf } from "../../run/record.ts";
import { watchResources } from "../resource-watch.ts";

/** Watches for the open `subscriptions/listen` requests of a wire, or of an endpoint; who gets what, the SDK knows. */
export type SubscribedWatch = {
  tell: (uri: string) => unknown;
  /** Takes note of what a message begins or ends to listen to. */
  hear(message: unknown): Promise<void>;
  close(): void;
};

/** Watches the resources that clients listen to, and tells of those which changed. */
export function watchSubscribed(deps: Deps): SubscribedWatch {
  const open = new Map<unknown, readonly string[]>();
  const watch = watchResources(deps, async (uri) => void (await watched.tell(uri)));
  const watched: SubscribedWatch = {
    tell: () => undefined,
    async hear(message) {
      if (!isRecord(message)) return;
      const params = membersOf(message.params);
      if (message.method === "subscriptions/listen") {
        const uris = membersOf(params.notifications).resourceSubscriptions;
        const listened = Array.isArray(uris) ? uris.filter((uri) => typeof uri === "string") : [];
        open.set(message.id, listened);
        // Before the subscription is confirmed: what changes from then on is told.
        for (const uri of listened) await watch.add(uri).catch(() => undefined);
      } else if (message.method === "notifications/cancelled" && open.has(params.requestId)) {
        const ended = open.get(params.requestId) ?? [];
        open.delete(params.requestId);
        const others = new Set([...open.values()].flat());
        for (const uri of ended) if (!others.has(uri)) watch.remove(uri);
      }
    },
    close: watch.close,
  };
  return watched;
}
