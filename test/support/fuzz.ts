import fc from "fast-check";
import { noteFigures } from "./figures.ts";
import { fuzzCases } from "./soak.ts";

/** Cases for each tool and reader; the soak asks for ten times as many. */
export const cases = fuzzCases;

const note = ({ numRuns, failed }: fc.RunDetails<unknown>) =>
  noteFigures("fuzz", { cases: numRuns, crashes: failed ? 1 : 0 });

// Every property of a file that imports this one is counted, whether it holds or not.
fc.configureGlobal({
  reporter(out) {
    note(out);
    if (out.failed) throw new Error(fc.defaultReportMessage(out));
  },
  async asyncReporter(out) {
    note(out);
    if (out.failed) throw new Error(await fc.asyncDefaultReportMessage(out));
  },
});
