import { join } from "node:path";
import { Refusal } from "../../errors.ts";
import { setAside } from "../../fs/aside.ts";
import { canonicalJson } from "../../fs/hash.ts";
import { type OpenRun, withRun } from "../../journal/journal.ts";
import type { Call, Deps } from "../../ports/call.ts";
import { isoSeconds, stageStamp } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { Attempt } from "../../run/job.ts";
import { type IterationLabel, iterationLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import type { RunState, ScoreProof } from "../../run/state.ts";
import { waitUntil } from "../../run/wait.ts";
import { executorOf, settle } from "../running/advance.ts";
import { latestAttempt, readRecord, saveAttempt, saveRecord } from "../running/attempts.ts";
import { assertImagesHold } from "../running/image-pins.ts";
import { assertOutputsAsLeft } from "../running/job-outputs.ts";
import { assertPinsHold } from "../running/pins.ts";
import { compareRescored, notReproduced } from "./proof.ts";
import { planRescore, prepareRescore, type Rescore } from "./rescore.ts";

/** Under which name attempts at it are kept beside those of the stages. */
const stage = "reproduce";
const pace = { first_ms: 60, most_ms: 1000 };

/**
 * Has the KPI set of the last iteration scored again, from its checkpoint and its images, as a job of its own, and waits
 * for its end. Durable: a call that finds the job of an earlier one waits for that.
 *
 * @throws Refusal `metric.reproducing` when the wait is over first; `state.tampered`; those of the executor.
 */
export async function reproduceUntil(runDir: string, deadline: number, call: Call): Promise<void> {
  const tell = () => call.progress("the KPI set is being scored again");
  tell();
  const ended = await waitUntil(
    async () => (await withRun(runDir, (run) => step(run, call.deps), call.deps)) || undefined,
    pace,
    { deadline, signal: call.signal },
  );
  if (ended) return;
  throw new Refusal("metric.reproducing", "The KPI set is still being scored again.", { run: runDir });
}

/** Starts the job, or looks at it; true once it has ended. */
async function step(run: OpenRun, deps: Deps): Promise<boolean> {
  const label = iterationLabel(run.state.current_iteration);
  const { jobs } = await openAttempt(run, label, deps);
  const executor = await executorOf(run, deps);
  const record = await readRecord(run.runDir, jobs?.[0] ?? "");
  return (await settle(run, record, executor, deps)).exit !== undefined;
}

async function openAttempt(run: OpenRun, label: IterationLabel, deps: Deps): Promise<Attempt> {
  const latest = await latestAttempt(run.runDir, label, stage);
  if (latest !== undefined && latest.finished === undefined) return latest;
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
 * What the job found, under the run lock, right before the run claims its target.
 *
 * @throws Refusal `metric.not-reproduced` when the scores are not the recorded ones; the next call scores them again.
 */
export async function reproducedScores(run: OpenRun, deps: Deps): Promise<ScoreProof> {
  const label = iterationLabel(run.state.current_iteration);
  const attempt = await latestAttempt(run.runDir, label, stage);
  const [id] = attempt?.jobs ?? [];
  if (attempt === undefined || id === undefined || attempt.finished !== undefined) {
    throw new Refusal("metric.reproducing", "The KPI set was not scored again yet.", { run: run.runDir });
  }
  try {
    const proof = await collect(run, label, attempt, id, deps);
    await saveAttempt(run.runDir, { ...attempt, finished: "ok" });
    return proof;
  } catch (error) {
    if (error instanceof Refusal) await saveAttempt(run.runDir, { ...attempt, finished: "error" });
    throw error;
  }
}

async function collect(run: OpenRun, label: IterationLabel, attempt: Attempt, id: string, deps: Deps) {
  const { spec, exit } = await readRecord(run.runDir, id);
  const wish = rescoreOf(run.runDir, run.state, label, attempt);
  const { table: _table, ...planned } = await planRescore(wish);
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
  const { proof, differences } = await compareRescored(wish, planned, exit, by);
  if (differences !== undefined) throw notReproduced(differences);
  return proof;
}

function rescoreOf(runDir: string, state: RunState, label: IterationLabel, { attempt, stamp }: Attempt): Rescore {
  const dir = join(runPaths(runDir).iteration(label), "reproduced");
  return { runDir, state, label, dir, jobId: `${label}-evaluate-${attempt}-again`, seed: stamp };
}
