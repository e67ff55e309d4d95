import { AsyncLocalStorage } from "node:async_hooks";

/** Told how many of so many items are done, and what they are. */
export type Headway = (what: string, done: number, total: number) => void;

/**
 * Whoever waits for work on images. It is reached from the bottom of that work, through a dozen functions that have
 * nothing to say to it and would each have to hand it on.
 */
const waiting = new AsyncLocalStorage<Headway>();

/** Does the work and tells of every batch of images that it gets done. */
export function withHeadway<T>(tell: Headway, work: () => Promise<T>): Promise<T> {
  return waiting.run(tell, work);
}

/** Counts up what is done of `total`, for whoever waits; nobody may. */
export function countUp(what: string, total: number): (more: number) => void {
  const tell = waiting.getStore();
  let done = 0;
  if (total > 0) tell?.(what, done, total);
  return (more) => {
    done += more;
    tell?.(what, done, total);
  };
}
