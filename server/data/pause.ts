import { setImmediate } from "node:timers/promises";

/** Longest piece of work between two pauses: the server goes on answering. */
const sliceMs = 10;

/** Counts the items of long work, and lets others have their turn when a slice is over. */
type Pauses = {
  /** To be asked at every item; a promise for each would cost more than most items. */
  isDue(): boolean;
  /** @throws the reason of the signal. */
  rest(signal?: AbortSignal): Promise<void>;
};

/**
 * Does work on each number below `count`, in order, with pauses: millions of rows take seconds.
 *
 * @throws the reason of the signal, or what the work throws.
 */
export async function inTurns(count: number, work: (at: number) => void, signal?: AbortSignal): Promise<void> {
  const pause = pausing();
  for (let at = 0; at < count; at++) {
    work(at);
    if (pause.isDue()) await pause.rest(signal);
  }
}

/** @param itemsAtOnce between two looks at the clock */
export function pausing(itemsAtOnce = 128): Pauses {
  let [began, items] = [performance.now(), 0];
  return {
    isDue: () => ++items % itemsAtOnce === 0 && performance.now() - began >= sliceMs,
    async rest(signal) {
      await setImmediate();
      signal?.throwIfAborted();
      began = performance.now();
    },
  };
}
