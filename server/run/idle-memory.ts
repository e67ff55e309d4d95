import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Less than this is not worth a look at everything that is alive. */
const worthBytes = 64 << 20;
let collect: (() => void) | undefined;
let left = 0;

/**
 * Gives back what long work left behind, before a wait: who waits allocates next to nothing, so that nothing would be
 * collected for hours. Takes some 10 ms for each 100 MB that are alive.
 */
export function releaseMemory(): void {
  if (heldBytes() - left < worthBytes) return;
  setFlagsFromString("--expose-gc");
  collect ??= runInNewContext("gc") as () => void;
  collect();
  left = heldBytes();
}

function heldBytes(): number {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}
