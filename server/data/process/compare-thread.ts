import { parentPort, workerData } from "node:worker_threads";
import { type Block, type Comparing, createLane } from "./compare-lane.ts";

/** A thread of `compare-blocks.ts`: compares the blocks that it is sent, and answers the rest of its work at the end. */
const lane = createLane(workerData as Comparing);
parentPort?.on("message", (message: Block | "end") => {
  if (message === "end") return parentPort?.postMessage({ end: lane.end() });
  const compared = lane.add(message);
  parentPort?.postMessage({ compared }, [compared.values.buffer]);
});
