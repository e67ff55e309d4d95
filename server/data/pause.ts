import { setImmediate } from "node:timers/promises";

/** Longest piece of work between two pauses: the server goes on answering. */
const sliceMs = 10;
/** Items between two looks at the clock. */
const itemsAtOnce = 128;

/** Counts the items of long work, and lets others have their turn when a slice is over. */
type Pauses = {
  /** To be asked at every item; a promise for each would cost more than most items. */
  isDue(): boolean;
  /** @throws the reason of the signal. */
  rest(signal?: AbortSignal): Promise<void>;
};

export function pausing(): Pauses {
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
