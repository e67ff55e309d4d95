import type { StatusLog } from "./status-log.ts";
import { timedelta } from "./status-log.ts";

/** Told how many of a task's items are done; never counts backwards. */
export type Headway = (done: number) => void;

/** More lines than one in so many milliseconds tell a reader nothing. */
const pauseMs = 1000;

/** Writes into status.json how far `what` is, at most once a second, with the time that the rest will take. */
export function headwayOf(status: StatusLog, what: string, total: number, now = () => performance.now()): Headway {
  const began = now();
  let told = began;
  let most = 0;
  return (done) => {
    most = Math.max(most, Math.min(done, total));
    const at = now();
    if (at - told < pauseMs || most === 0) return;
    told = at;
    const eta = timedelta(((at - began) / 1000 / most) * (total - most));
    status("RUNNING", "Task in progress", { what, done: most, total, eta });
  };
}
