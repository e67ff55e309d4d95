import { setTimeout as sleep } from "node:timers/promises";
import { watchFile } from "../fs/watch.ts";

/** Pause before the second look, and the longest one: each pause is `growth` times, else 1.5 times the one before. */
export type Pace = { readonly first_ms: number; readonly most_ms: number; readonly growth?: number };

export type Bounds = {
  /** In the time of `performance.now()`. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
};

/**
 * Looks until something is found. Once the deadline has passed or the signal is aborted it looks a last time, which the
 * look is told, and returns what that found. A change of `file`, in a folder that is there, ends a pause.
 */
export async function waitUntil<T>(
  look: (last: boolean) => Promise<T | undefined>,
  pace: Pace,
  { deadline = Number.POSITIVE_INFINITY, signal, file }: Bounds & { readonly file?: string } = {},
): Promise<T | undefined> {
  let waking = new AbortController();
  const wake = () => waking.abort();
  signal?.addEventListener("abort", wake);
  const unwatch = file === undefined ? undefined : watchFile(file, wake);
  try {
    for (let pause = pace.first_ms; ; pause = Math.min(pace.most_ms, pause * (pace.growth ?? 1.5))) {
      // Before the look: what comes after it ends the pause, or lets none begin.
      waking = new AbortController();
      const last = performance.now() >= deadline || signal?.aborted === true;
      const found = await look(last);
      if (found !== undefined || last) return found;
      const left = Math.max(0, deadline - performance.now());
      await sleep(Math.min(pause, left), undefined, { signal: waking.signal }).catch(() => undefined);
    }
  } finally {
    signal?.removeEventListener("abort", wake);
    unwatch?.();
  }
}

/**
 * Repeats work for as long as it fails with what passes.
 *
 * @throws what does not pass, the last failure once the deadline is over, or the reason of the signal.
 */
export async function patiently<T>(
  work: () => Promise<T>,
  passes: (error: unknown) => boolean,
  { pause_ms, deadline = Number.POSITIVE_INFINITY, signal }: Bounds & { readonly pause_ms: number },
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error) || performance.now() >= deadline) throw error;
      await sleep(pause_ms, undefined, { signal });
    }
  }
}

/** Seconds that a call may wait by default: most clients give up after 60 s, Claude Code does not. */
export function waitFor(client: string): number {
  return client.startsWith("claude-code") ? 100 : 50;
}
