import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { mergeNearest, type Nearest } from "../../kpi/nearest/nearest.ts";
import { type Block, type Compared, type Comparing, createLane } from "./compare-lane.ts";

/** Multiplications below which a thread costs more than it saves. */
const worthThreads = 3e8;
/** Each thread has its own copy of the targets and of a few blocks. */
const mostThreads = 16;
/** Blocks that wait for one thread, so that it never does. */
const waiting = 2;

type Answer = { readonly compared: Compared } | { readonly end: Nearest | undefined };

/**
 * Compares blocks of rows with the targets on all processors. What `blocks` yields is taken as it is asked for, a few
 * blocks ahead; compared blocks come back in no particular order. Returns the nearest rows where those are asked for.
 *
 * `rows` says how many are to come: few are compared here.
 */
export async function* compareBlocks(
  blocks: AsyncIterable<Block>,
  comparing: Comparing,
  rows: number,
): AsyncGenerator<Compared, Nearest | undefined> {
  const { width, values } = comparing.targets;
  if (rows * values.length < worthThreads || width === 0) {
    const lane = createLane(comparing);
    for await (const block of blocks) yield lane.add(block);
    return lane.end();
  }
  const crew = startCrew(comparing, Math.min(mostThreads, availableParallelism()));
  try {
    for await (const block of blocks) {
      while (crew.isFull() || crew.isReady()) yield* await crew.next();
      crew.add(block);
    }
    while (!crew.isIdle()) yield* await crew.next();
    const ends = await crew.end();
    return comparing.kind === "nearest" ? mergeNearest(ends) : undefined;
  } finally {
    await crew.stop();
  }
}

/** Threads that share the work: each new block goes to the one with the least to do. */
function startCrew(comparing: Comparing, size: number) {
  const compared: Compared[] = [];
  const ends: (Nearest | undefined)[] = [];
  let failure: unknown;
  let wake: () => void = () => undefined;
  const crew = Array.from({ length: size }, () => {
    const worker = new Worker(process.argv[1] as string, { workerData: comparing });
    const one = { worker, load: 0 };
    worker.on("message", (answer: Answer) => {
      if ("end" in answer) ends.push(answer.end);
      else {
        one.load--;
        compared.push(answer.compared);
      }
      wake();
    });
    worker.on("error", (error) => {
      failure = error;
      wake();
    });
    return one;
  });
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    /** Then more would only wait, with all their vectors in memory. */
    isFull: () => crew.every(({ load }) => load >= waiting),
    isReady: () => compared.length > 0,
    isIdle: () => compared.length === 0 && crew.every(({ load }) => load === 0),
    add(block: Block): void {
      const one = crew.reduce((least, other) => (other.load < least.load ? other : least));
      one.load++;
      one.worker.postMessage(block, [block.values.buffer]);
    },
    /** Takes what is compared; waits until there is something. */
    async next(): Promise<Compared[]> {
      await until(() => compared.length > 0);
      return compared.splice(0);
    },
    async end(): Promise<Nearest[]> {
      for (const { worker } of crew) worker.postMessage("end");
      await until(() => ends.length === crew.length);
      return ends as Nearest[];
    },
    stop: () => Promise.all(crew.map(({ worker }) => worker.terminate())),
  };
}
