import { setImmediate } from "node:timers/promises";

/** Longest piece of work between two pauses: the server goes on answering. */
const sliceMs = 10;
/** Items between two looks at the clock. */
const itemsAtOnce = 128;

/** Counts the items of long work, and lets others have their turn when a slice is over. */
export type Pauses = (signal?: AbortSignal) => Promise<void> | undefined;

/** To be asked before every item: `await pause()` costs next to nothing. @throws the reason of the signal. */
export function pausing(): Pauses {
  let [began, items] = [performance.now(), 0];
  return (signal) => {
    if (++items % itemsAtOnce !== 0 || performance.now() - began < sliceMs) return undefined;
    return setImmediate().then(() => {
      began = performance.now();
      signal?.throwIfAborted();
    });
  };
}
