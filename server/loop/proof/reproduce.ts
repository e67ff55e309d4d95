import { join } from "node:path";
import { jobStem, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { setAside } from "../../fs/aside.ts";
import { canonicalJson } from "../../fs/hash.ts";
import { type OpenRun, withRun } from "../../journal/journal.ts";
import type { Call, Deps } from "../../ports/call.ts";
import type { Executor } from "../../ports/executor.ts";
import { isoSeconds, stageStamp } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { Attempt } from "../../run/job.ts";
import { type IterationLabel, iterationLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import type { HoldoutFigure, RunState, ScoreProof } from "../../run/state.ts";
import { waitUntil } from "../../run/wait.ts";
import { bestIteration } from "../../stages/hand-off.ts";
import { executorOf, settle } from "../running/advance.ts";
import { latestAttempt, readRecord, saveAttempt, saveRecord } from "../running/attempts.ts";
import { assertImagesHold } from "../running/image-pins.ts";
import { assertOutputsAsLeft } from "../running/job-outputs.ts";
import { assertPinsHold } from "../running/pins.ts";
import { holdoutFigure } from "./holdout.ts";
import { compareRescored, notReproduced, requireScored } from "./proof.ts";
import { planRescore, prepareRescore, type Rescore } from "./rescore.ts";

/**
 * A set that is scored when a run ends: the KPI set again, or the frozen test set for the first and only time. Attempts
 * are kept under these names beside those of the stages.
 */
export type LastScoring = { readonly stage: "reproduce" | "holdout"; readonly label: IterationLabel };

/** Ends of a run that claim its figure; one that ends otherwise hands over what it has. */
export const claims: readonly string[] = ["metric_met", "max_iterations", "no_gain"];

/**
 * What is scored before a run may end for a reason: the figure that is claimed, which for a run that came to its last
 * iteration is that of the model handed over, and the frozen test set with that model. A run that was cut short hands
 * over what it has and claims nothing.
 */
export async function lastScorings(state: RunState, reason: string): Promise<LastScoring[]> {
  if (!claims.includes(reason)) return [];
  const best = await bestIteration(state);
  const claimed = reason === "metric_met" ? iterationLabel(state.current_iteration) : best;
  return [
    ...(claimed === undefined ? [] : [{ stage: "reproduce", label: claimed } as const]),
    ...(best === undefined || state.config.holdout_csv === undefined
      ? []
      : [{ stage: "holdout", label: best } as const]),
  ];
}

const titles = { reproduce: "the KPI set is being scored again", holdout: "the frozen test set is being scored" };
const pace = { first_ms: 60, most_ms: 1000 };

/**
 * Has a set scored from an iteration's checkpoint and from its images, as a job of its own, and waits for its end.
 * Durable: a call that finds the job of an earlier one waits for that.
 *
 * @throws Refusal `metric.reproducing` when the wait is over first; `state.tampered`; those of the executor.
 */
export async function scoreUntil(runDir: string, at: LastScoring, deadline: number, call: Call): Promise<void> {
  call.progress(titles[at.stage]);
  const look = () => withRun(runDir, (run) => step(run, at, call.deps), call.deps);
  const running = await look();
  if (running === undefined) return;
  const file = workFiles(jobStem(runDir, running)).exit;
  const isOver = async () => (await look()) === undefined || undefined;
  if (await waitUntil(isOver, pace, { deadline, signal: call.signal, file })) return;
  throw new Refusal("metric.reproducing", `Not over yet: ${titles[at.stage]}.`, { run: runDir });
}

/** Starts the job, or looks at it; its id while it runs. */
async function step(run: OpenRun, at: LastScoring, deps: Deps): Promise<string | undefined> {
  // Another call has ended the run meanwhile: a frozen set is scored once, whoever asks.
  if (run.state.stop_reason !== undefined) return undefined;
  const executor = await executorOf(run, deps);
  const { jobs } = await openAttempt(run, at, executor, deps);
  const record = await readRecord(run.runDir, jobs?.[0] ?? "");
  return (await settle(run, record, executor, deps)).exit === undefined ? record.spec.id : undefined;
}

async function openAttempt(run: OpenRun, { label, stage }: LastScoring, executor: Executor, deps: Deps) {
  const latest = await latestAttempt(run.runDir, label, stage);
  if (latest !== undefined && latest.finished === undefined) return latest;
  await executor.expect?.(run.runDir, { afresh: true });
  await assertPinsHold(run.state);
  await assertImagesHold(run.runDir, run.state);
  const now = deps.clock.now();
  const attempt: Attempt = {
    iteration: label,
    stage,
    attempt: (latest?.attempt ?? 0) + 1,
    started_at: isoSeconds(now),
    // A seed of nobody's choice: it draws the rows of a sample.
    stamp: `${stageStamp(now)}-${deps.ids.hex(12)}`,
    platform: run.state.config.platform,
  };
  const wish = rescoreOf(run.runDir, run.state, label, attempt);
  run.proof.assertHeld();
  await setAside(wish.dir);
  const { job } = await prepareRescore(wish);
  const limit = run.state.config.stage_time_limit_sec;
  const spec = { ...job, ...defined({ time_limit_sec: limit }) };
  await saveRecord(run.runDir, { spec, platform: attempt.platform, created_at: isoSeconds(now) });
  const opened = { ...attempt, jobs: [job.id] };
  run.proof.assertHeld();
  await saveAttempt(run.runDir, opened);
  return opened;
}

/**
 * What the job found, under the run lock, right before the run ends.
 *
 * @throws Refusal `metric.not-reproduced` when the scores are not the recorded ones, or none were made; the next call
 * scores again.
 */
export async function lastScores(
  run: OpenRun,
  { stage, label }: LastScoring,
  deps: Deps,
): Promise<{ readonly score_proof: ScoreProof } | { readonly holdout: HoldoutFigure }> {
  const attempt = await latestAttempt(run.runDir, label, stage);
  const [id] = attempt?.jobs ?? [];
  if (attempt === undefined || id === undefined || attempt.finished !== undefined) {
    throw new Refusal("metric.reproducing", `To come: ${titles[stage]}.`, { run: run.runDir });
  }
  try {
    const found = await collect(run, label, attempt, id, deps);
    await saveAttempt(run.runDir, { ...attempt, finished: "ok" });
    return found;
  } catch (error) {
    if (error instanceof Refusal) await saveAttempt(run.runDir, { ...attempt, finished: "error" });
    throw error;
  }
}

async function collect(run: OpenRun, label: IterationLabel, attempt: Attempt, id: string, deps: Deps) {
  const { spec, exit } = await readRecord(run.runDir, id);
  const wish = rescoreOf(run.runDir, run.state, label, attempt);
  const planned = await planRescore(wish);
  const { time_limit_sec: _limit, ...asked } = spec;
  const { time_limit_sec: _own, ...wanted } = planned.job;
  if (exit === undefined || canonicalJson(asked) !== canonicalJson(wanted)) {
    throw new Refusal("metric.not-reproduced", "The job that scores again is not the one that was planned.", {
      job: id,
    });
  }
  await assertOutputsAsLeft(run.runDir, [{ spec, exit }]);
  const executor = await executorOf(run, deps);
  const by = { at: isoSeconds(deps.clock.now()), program: await executor.program?.(run.runDir) };
  if (wish.set === "holdout") {
    await requireScored(planned, exit, label);
    return { holdout: await holdoutFigure(run, label, planned.csv, by, deps) };
  }
  const { proof, differences } = await compareRescored(wish, planned, exit, by);
  if (differences !== undefined) throw notReproduced(differences);
  return { score_proof: proof };
}

function rescoreOf(runDir: string, state: RunState, label: IterationLabel, attempt: Attempt): Rescore {
  const isHoldout = attempt.stage === "holdout";
  const dir = join(runPaths(runDir).iteration(label), isHoldout ? "holdout" : "reproduced");
  const jobId = `${label}-evaluate-${attempt.attempt}-${isHoldout ? "holdout" : "again"}`;
  return { runDir, state, label, set: isHoldout ? "holdout" : "kpi", dir, jobId, seed: attempt.stamp };
}
