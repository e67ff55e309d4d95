import type { ProgressToken, ServerNotification } from "@modelcontextprotocol/sdk/types.js";

import { oneLine } from "../run/visible.ts";

type Send = (notification: ServerNotification) => Promise<void>;

const atMostEveryMs = 1000;
/** Progress is in percent where its end is known. */
const whole = 100;
const least = 0.01;

/**
 * Sends progress for one call, a part of 1 in percent: strictly increasing as the protocol wants it, at most about once a
 * second, and nothing without a token. A client that went away is no error.
 */
export function progressSender(
  token: ProgressToken | undefined,
  send: Send,
  clean: (text: string) => string,
): (message: string, fraction?: number) => void {
  let reached = 0;
  let sentAt = Number.NEGATIVE_INFINITY;
  return (message, fraction) => {
    const now = performance.now();
    if (token === undefined || now - sentAt < atMostEveryMs) return;
    sentAt = now;
    // The next part of a call begins at nothing: what was reached stays, and grows by what nobody sees.
    reached = Math.max(twoDecimals(reached + least), twoDecimals(whole * (fraction ?? 0)));
    const total = fraction === undefined ? {} : { total: Math.max(whole, reached) };
    const params = { progressToken: token, progress: reached, ...total, message: oneLine(clean(message)) };
    send({ method: "notifications/progress", params }).catch(() => undefined);
  };
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}
