import { setTimeout as sleep } from "node:timers/promises";
import { canonicalJson } from "../fs/hash.ts";
import type { Call, Deps } from "../ports/call.ts";
import type { PlanRequest } from "./request.ts";
import type { Resolution } from "./resolution.ts";
import { resolvePlan } from "./resolve.ts";

/** A plan that is being resolved, how far it is, and whoever waits for it. */
type Work = {
  readonly done: Promise<Resolution>;
  readonly abort: AbortController;
  readonly waiting: Set<Waiting>;
  told: Told;
};
type Waiting = { readonly progress: Call["progress"] };
type Told = { readonly message: string; readonly fraction: number | undefined };

/** By request: the same call goes on waiting for the same work. A server that ends loses no more than time. */
const going = new Map<string, Work>();
/** A result that came while nobody waited is handed over so long afterwards; later the workspace is looked at again. */
const heldForMs = 60_000;

/**
 * Resolves a plan like `resolvePlan`, and waits for it up to `waitSec`: a first look at a hundred thousand images takes
 * longer than clients wait. The work goes on, and the same request later goes on waiting; how far it is comes back meanwhile.
 * Where the last call that waits is cancelled, the work is.
 *
 * @throws what `resolvePlan` throws, or the reason of the signal.
 */
export async function planAwaited(
  request: PlanRequest,
  { deps, signal, progress, waitSec }: Pick<Call, "deps" | "signal" | "progress"> & { readonly waitSec: number },
): Promise<Resolution | Told> {
  const key = canonicalJson([deps.cwd, deps.env.HOME, request]);
  const work = going.get(key) ?? begun(key, request, deps);
  const own: Waiting = { progress };
  work.waiting.add(own);
  const end = new AbortController();
  const waitMs = Math.min(waitSec * 1000, 2 ** 31 - 1);
  const limit = sleep(waitMs, "late" as const, { signal: AbortSignal.any([signal, end.signal]) }).catch(
    () => "cancelled" as const,
  );
  try {
    const first = await Promise.race([work.done, limit]);
    if (first === "late") return work.told;
    if (first !== "cancelled") return first;
    if (work.waiting.size === 1) {
      work.abort.abort(signal.reason);
      going.delete(key);
    }
    throw signal.reason;
  } finally {
    work.waiting.delete(own);
    end.abort();
  }
}

function begun(key: string, request: PlanRequest, deps: Deps): Work {
  const abort = new AbortController();
  const progress = (message: string, fraction?: number) => {
    work.told = { message, fraction };
    for (const one of work.waiting) one.progress(message, fraction);
  };
  const done = resolvePlan(request, deps, { signal: abort.signal, progress });
  const work: Work = {
    done,
    abort,
    told: { message: "Looking at the workspace", fraction: undefined },
    waiting: new Set(),
  };
  going.set(key, work);
  const forget = () => {
    if (going.get(key) === work) going.delete(key);
  };
  const ended = () => (work.waiting.size > 0 ? forget() : void setTimeout(forget, heldForMs).unref());
  done.then(ended, ended);
  return work;
}
