import type { ProgressToken, ServerNotification } from "@modelcontextprotocol/sdk/types.js";

import { oneLine } from "../run/visible.ts";

type Send = (notification: ServerNotification) => Promise<void>;

const atMostEveryMs = 1000;

/**
 * Sends progress for one call: strictly increasing as the protocol wants it, at most about once a second, and nothing
 * without a token. A client that went away is no error.
 */
export function progressSender(
  token: ProgressToken | undefined,
  send: Send,
  clean: (text: string) => string,
): (message: string) => void {
  let count = 0;
  let sentAt = Number.NEGATIVE_INFINITY;
  return (message) => {
    const now = performance.now();
    if (token === undefined || now - sentAt < atMostEveryMs) return;
    sentAt = now;
    count += 1;
    const params = { progressToken: token, progress: count, message: oneLine(clean(message)) };
    send({ method: "notifications/progress", params }).catch(() => undefined);
  };
}
