import { headWarning } from "../../journal/head-warning.ts";
import type { Call } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import type { StageRef } from "../../run/labels.ts";
import { markOf } from "../approval/pending-stop.ts";
import { statusLine } from "../status-line.ts";
import { describeAction, nextAction } from "../transitions.ts";
import type { CommittedStage } from "./commit-stage.ts";

/** A commit as every tool reports it; a hard stop shown here may be answered in words in the same connection. */
export async function describeCommit(runDir: string, done: CommittedStage & StageRef, call: Call) {
  const next = nextAction(done.state);
  const { iteration, stage, entry, stop } = done;
  if (stop) call.connection.notes.set(`stop:${runDir}`, markOf(stop));
  const note = stop ? `HARD STOP ${stop.code}: ${stop.message}` : entry.summary;
  return {
    status_line: statusLine(done.state, { iteration, stage, seconds: entry.duration_sec, note }, next),
    iteration,
    stage,
    seq: entry.seq,
    summary: entry.summary,
    warnings: [...done.warnings, ...(await headWarning(runDir, done.state, call))],
    ...defined({ hard_stop: stop && { code: stop.code, message: stop.message, facts: stop.facts } }),
    next_action: describeAction(next),
    run_dir: runDir,
  };
}
