import fc from "fast-check";
import { noteFigures } from "./figures.ts";
import { fuzzCases } from "./soak.ts";

/** Cases for each tool and reader; the soak asks for ten times as many. */
export const cases = fuzzCases;

// Every property of a file that imports this one is counted, whether it holds or not; all of them are asynchronous.
fc.configureGlobal({
  async asyncReporter(out) {
    noteFigures("fuzz", { cases: out.numRuns, crashes: out.failed ? 1 : 0 });
    if (out.failed) throw new Error(await fc.asyncDefaultReportMessage(out));
  },
});
