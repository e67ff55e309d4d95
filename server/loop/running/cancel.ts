import { Refusal } from "../../errors.ts";
import { readRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import type { Executor } from "../../ports/executor.ts";
import type { JobRecord } from "../../run/job.ts";
import type { StageRef } from "../../run/labels.ts";
import { obtainConsent } from "../approval/consent.ts";
import { nextAction } from "../transitions.ts";
import { executorOf } from "./advance.ts";
import { latestAttempt, readRecord } from "./attempts.ts";
import { runStage, type StageOutcome } from "./run-stage.ts";

const graceSec = 10;

/**
 * Stops the running job of a stage after a human confirmed it, and commits the stage as stopped.
 *
 * @throws Refusal `stage.not-running`, and those of `obtainConsent`.
 */
export async function cancelStage(runDir: string, words: string | undefined, call: Call): Promise<StageOutcome> {
  const { at, record } = await runningRecord(runDir, call);
  const shown = call.connection.notes.has(`status:${runDir}`);
  // Should this be refused, the refusal shows what would be stopped.
  call.connection.notes.set(`status:${runDir}`, true);
  await obtainConsent(
    {
      title: `Cancel ${at.iteration} ${at.stage}`,
      message: `Stop the running ${at.stage} of ${at.iteration}? Its work so far is lost.\n\nJob ${record.spec.id} in ${runDir}`,
      terminalCommand: `deft-mcp call cancel_stage '{"run":"${runDir}"}'`,
      preauthorised: false,
      shown,
      facts: { would_stop: { run: runDir, ...at, job: record.spec.id } },
      words,
      act: "stop",
    },
    call,
  );
  const executor = await executorOf(await readRun(runDir, call.deps), call.deps);
  await executor.cancel(runDir, record, graceSec);
  return await runStage(runDir, { ...at, waitSec: graceSec }, call);
}

async function runningRecord(runDir: string, call: Call): Promise<{ at: StageRef; record: JobRecord }> {
  const run = await readRun(runDir, call.deps);
  const next = nextAction(run.state);
  if (next.action === "run_stage") {
    const attempt = await latestAttempt(runDir, next.iteration, next.stage);
    const ids = attempt?.finished === undefined ? (attempt?.jobs ?? []) : [];
    const executor = await executorOf(run, call.deps);
    for (const id of ids) {
      const record = await readRecord(runDir, id);
      if (record.handle === undefined || record.exit !== undefined) continue;
      if (await isUnsettled(executor, runDir, record)) {
        return { at: { iteration: next.iteration, stage: next.stage }, record };
      }
    }
  }
  throw new Refusal("stage.not-running", "No job of this run is running.", { run: runDir });
}

/** A job that cannot be looked at now, because its service is away, may still be given up. */
async function isUnsettled(executor: Executor, runDir: string, record: JobRecord): Promise<boolean> {
  try {
    return (await executor.poll(runDir, record)).state === "running";
  } catch (error) {
    if (error instanceof Refusal) return true;
    throw error;
  }
}
