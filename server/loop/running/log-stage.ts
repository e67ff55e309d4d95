import { Refusal } from "../../errors.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { type OpenRun, type Run, readRun, withRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import type { JobOutcome, StageContext } from "../../ports/stage.ts";
import { isoSeconds, stageStamp } from "../../run/clock.ts";
import type { Attempt } from "../../run/job.ts";
import type { StageRef } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { stages } from "../../stages/index.ts";
import { assertApproved } from "../approval/approval-state.ts";
import { describeAction, nextAction } from "../transitions.ts";
import { contextOf } from "./advance.ts";
import { latestAttempt } from "./attempts.ts";
import { type CommittedStage, commitStage, commitStop, external } from "./commit-stage.ts";
import { renderAfter } from "./render-after.ts";

export type StageReport = {
  readonly iteration: string;
  readonly stage: string;
  readonly status: "ok" | "error";
  readonly summary?: string | undefined;
  /** `YYYY-MM-DD_HHMMSS`: the stage directory that was used, where the method has one. */
  readonly stamp?: string | undefined;
};

const stampPattern = /^\d{4}-\d{2}-\d{2}_\d{6}$/;

/**
 * Commits a stage that was run outside the server, on the same evidence as one run by it, or records its error.
 *
 * `ok` counts only for the next stage, only with artifacts newer than the commit before it, at the very places where
 * the server itself would have had them written.
 *
 * @throws Refusal `stage.out-of-order`, `stage.already-running`, `approval.required`.
 */
export async function logStage(runDir: string, report: StageReport, call: Call): Promise<CommittedStage & StageRef> {
  const measured = report.status === "ok" ? await measureFirst(await readRun(runDir, call.deps), report, call) : {};
  return await withRun(
    runDir,
    async (run) => {
      const at = expected(run, report);
      await assertApproved(run.state, call.deps);
      const attempt = await externalAttempt(run, at, report, call);
      const committed =
        report.status === "error"
          ? await commitStop(run, at, attempt, reportedError(report), call.deps)
          : await commitStage(
              run,
              at,
              attempt,
              { ...contextOf(run, at, attempt, call.deps), ...measured },
              await outcomesOf(run, at, attempt, call),
              call.deps,
            );
      return { ...(await renderAfter(runDir, committed, at, call.deps)), ...at };
    },
    call.deps,
  );
}

/** Asks the user's own programs before the lock is taken; under it everything else is looked at again. */
async function measureFirst(run: Run, report: StageReport, call: Call): Promise<Pick<StageContext, "measured">> {
  // What stands against the run is refused under the lock.
  if (!run.integrity.ok) return {};
  const at = expected(run, report);
  const { measures, measure } = stages[at.stage];
  await assertApproved(run.state, call.deps);
  const context = contextOf(run, at, await externalAttempt(run, at, report, call), call.deps);
  return measures?.(context) && measure ? { measured: await measure(context) } : {};
}

function expected(run: Run, report: StageReport): StageRef {
  const next = nextAction(run.state);
  if (next.action === "acknowledge_or_finish") {
    throw new Refusal("state.hard-stopped", `The run stopped with ${next.code}.`, { ...next });
  }
  if (next.action !== "run_stage" || next.iteration !== report.iteration || next.stage !== report.stage) {
    const facts = { requested: `${report.iteration} ${report.stage}`, next: describeAction(next) };
    throw new Refusal("stage.out-of-order", "Another stage comes next.", facts);
  }
  return { iteration: next.iteration, stage: next.stage };
}

async function externalAttempt(run: Run, at: StageRef, report: StageReport, call: Call): Promise<Attempt> {
  if (report.stamp !== undefined && !stampPattern.test(report.stamp)) {
    throw new Refusal("input.invalid", "The stamp is not YYYY-MM-DD_HHMMSS.", { stamp: report.stamp });
  }
  const latest = await latestAttempt(run.runDir, at.iteration, at.stage);
  if (latest !== undefined && latest.finished === undefined) {
    throw new Refusal("stage.already-running", "The server has an attempt at this stage under way.", { ...at });
  }
  const now = call.deps.clock.now();
  // Whatever was written before the last commit belongs to an earlier stage or another run.
  const since = run.entries.at(-1)?.ts ?? run.state.started_at;
  const attempt: Attempt = {
    ...at,
    attempt: (latest?.attempt ?? 0) + 1,
    started_at: isoSeconds(new Date(since)),
    stamp: report.stamp ?? stageStamp(now),
    platform: external,
  };
  await makeDirectory(runPaths(run.runDir).jobs);
  return attempt;
}

/** The jobs that the stage would have had; their logs, not their exit codes, must prove how they ended. */
async function outcomesOf(run: OpenRun, at: StageRef, attempt: Attempt, call: Call): Promise<JobOutcome[]> {
  const plan = await stages[at.stage].plan(contextOf(run, at, attempt, call.deps));
  return plan.jobs.map((spec) => ({ spec, exit: { outcome: "exited", exit_code: 0 } }));
}

function reportedError(report: StageReport): Refusal {
  return new Refusal("stage.failed", report.summary ?? "The stage was reported as failed.", {
    reported_by: "log_stage",
  });
}
