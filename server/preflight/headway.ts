import type { Headway } from "../data/headway.ts";
import type { Call } from "../ports/call.ts";
import { progressText } from "../run/figures.ts";

/** Less time than this says nothing of the rest. */
const leastSec = 1;

/**
 * Tells who waits for a plan which of its `total` steps is looked at, and of a step that looks at many images how many are
 * done, in percent of the whole, with the time that the rest of that step will take.
 */
export function headwayOf(total: number, progress: Call["progress"], now = () => performance.now()) {
  return (at: number, title: string): Headway => {
    const step = `${title} (${at + 1} of ${total})`;
    progress(step, at / total);
    let [counting, began, reached] = ["", now(), 0];
    return (what, done, all) => {
      if (what !== counting) [counting, began] = [what, now()];
      const took = (now() - began) / 1000;
      const eta_sec = took < leastSec || done === 0 ? 0 : (took / done) * (all - done);
      // A step may count more than once; what is shown of it never goes back.
      reached = Math.max(reached, done / all);
      progress(progressText({ message: `${step}: ${done} of ${all} ${what}`, eta_sec }), (at + reached) / total);
    };
  };
}
