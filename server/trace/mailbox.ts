import type { Message } from "./message.ts";

/** What came from the server and waits to be looked at. A thing that never comes is undefined after the patience. */
export type Mailbox = {
  put(message: Message): void;
  /** Whether there is something to be taken. */
  isWaiting(): boolean;
  next(fits: (message: Message) => boolean, patienceMs?: number): Promise<Message | undefined>;
};

const usualPatienceMs = 60_000;

export function mailbox(): Mailbox {
  const kept: Message[] = [];
  const waiting = new Set<() => void>();
  return {
    isWaiting: () => kept.length > 0,
    async next(fits, patienceMs = usualPatienceMs) {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        const at = kept.findIndex(fits);
        if (at >= 0) return kept.splice(at, 1)[0];
        const left = deadline - performance.now();
        if (left <= 0) return undefined;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, left);
          function done() {
            clearTimeout(timer);
            waiting.delete(done);
            resolve();
          }
          waiting.add(done);
        });
      }
    },
    put(message) {
      kept.push(message);
      for (const wake of [...waiting]) wake();
    },
  };
}
