import { join } from "node:path";
import { withKeptImages } from "../../data/kept-images.ts";
import { Refusal } from "../../errors.ts";
import { scrubLog } from "../../exec/job-output.ts";
import { setAside } from "../../fs/aside.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { containedPath, realPathOf } from "../../fs/contained.ts";
import type { OpenRun, Run } from "../../journal/journal.ts";
import type { Deps } from "../../ports/call.ts";
import type { Executor } from "../../ports/executor.ts";
import type { JobOutcome, Measured, StageContext } from "../../ports/stage.ts";
import { isoSeconds, stageStamp } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { Attempt, JobRecord } from "../../run/job.ts";
import type { StageRef } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { stages } from "../../stages/index.ts";
import { readEmbeddings } from "../../stages/shared/embedding-files.ts";
import { passGates } from "../gates/index.ts";
import { latestAttempt, readRecord, saveAttempt, saveRecord } from "./attempts.ts";
import { type CommittedStage, commitStage, commitStop } from "./commit-stage.ts";
import { assertImagesHold } from "./image-pins.ts";
import { assertPinsHold } from "./pins.ts";

/** A job that now runs, what to measure without the lock before the stage can be committed, or its commit. */
export type Advance =
  | { readonly running: JobRecord; readonly attempt: Attempt }
  | { readonly measuring: StageContext; readonly attempt: Attempt }
  | { readonly committed: CommittedStage };

/**
 * Takes a stage one step further under the run lock: opens its attempt, starts the next job, or, when all jobs have
 * ended, collects the evidence and commits.
 *
 * Every step is on disk before it takes effect, so the same call after a crash continues where the last one was.
 */
export async function advance(run: OpenRun, at: StageRef, deps: Deps, measured?: Measured): Promise<Advance> {
  const executor = await executorOf(run, deps);
  const opened = await openAttempt(run, at, deps);
  const prepared = opened.jobs === undefined ? await prepareOrStop(run, at, opened, deps, executor) : opened;
  if ("committed" in prepared) return prepared;
  const records = await Promise.all((prepared.jobs ?? []).map((id) => readRecord(run.runDir, id)));
  for (const [index, record] of records.entries()) {
    const stopped = await stopBefore(run, at, prepared, records.slice(0, index), record, deps);
    if (stopped !== undefined) return stopped;
    const settled = await settle(run, record, executor, deps);
    if (settled.exit === undefined) return { running: settled, attempt: prepared };
    records[index] = settled;
    // A failed job ends the attempt: what would follow reads its output.
    if (settled.exit.outcome !== "exited" || settled.exit.exit_code !== 0) break;
  }
  const outcomes = outcomesOf(records);
  const program = at.stage === "evaluate" ? await executor.program?.(run.runDir) : undefined;
  const context = { ...contextOf(run, at, prepared, deps), ...defined({ measured, program }) };
  if (measured === undefined && stages[at.stage].measures?.(context)) return { measuring: context, attempt: prepared };
  return { committed: await commitStage(run, at, prepared, context, outcomes, deps) };
}

function outcomesOf(records: readonly JobRecord[]): JobOutcome[] {
  return records.flatMap(({ spec, exit }) => (exit === undefined ? [] : [{ spec, exit }]));
}

/** What the job before left may forbid the next one: that is said before it starts, not after it has run for hours. */
async function stopBefore(
  run: OpenRun,
  at: StageRef,
  attempt: Attempt,
  ended: readonly JobRecord[],
  next: JobRecord,
  deps: Deps,
): Promise<Advance | undefined> {
  const stage = stages[at.stage];
  if (ended.length === 0 || next.handle !== undefined || stage.between === undefined) return undefined;
  const context = contextOf(run, at, attempt, deps);
  try {
    passGates(await stage.between(context, outcomesOf(ended)), context, at.stage);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal) || !error.hardStop) throw error;
    return { committed: await commitStop(run, at, attempt, error, deps) };
  }
}

/** Preparing may find what ends the run, an empty pool say: that is journaled like any other hard stop. */
async function prepareOrStop(run: OpenRun, at: StageRef, attempt: Attempt, deps: Deps, executor: Executor) {
  try {
    const { workspace } = run.state.config;
    return await withKeptImages({ env: deps.env, workspace }, () => prepare(run, at, attempt, deps, executor));
  } catch (error) {
    if (!(error instanceof Refusal) || !error.hardStop) throw error;
    return { committed: await commitStop(run, at, attempt, error, deps) };
  }
}

/** The executor of the run's platform. @throws Refusal `executor.unavailable`. */
export async function executorOf(run: Pick<OpenRun, "state">, deps: Deps): Promise<Executor> {
  const { platform } = run.state.config;
  const make = deps.executors[platform];
  if (!make) throw new Refusal("executor.unavailable", `This server has no executor for ${platform}.`, { platform });
  return await make();
}

export function contextOf(
  run: Run,
  at: StageRef,
  attempt: Attempt,
  deps: Pick<Deps, "clock" | "readEmbeddings">,
): StageContext {
  const accepted = run.state.acknowledgements
    .filter((one) => one.accept === true && one.iteration === at.iteration && one.stage === at.stage)
    .map((one) => one.code);
  return {
    runDir: run.runDir,
    state: run.state,
    iteration: at.iteration,
    attempt: attempt.attempt,
    stamp: attempt.stamp,
    startedAt: evidenceSince(run, attempt, deps.clock.now()),
    accepted,
    readEmbeddings: deps.readEmbeddings ?? readEmbeddings,
  };
}

/**
 * The time that evidence must be newer than: the attempt's beginning, and never before the last commit, whatever the
 * attempt's record says. A time ahead of the clock shows that the clock was put back, and is no bound.
 */
function evidenceSince(run: Run, attempt: Attempt, now: Date): string {
  const bounds = [attempt.started_at, lastCommit(run, attempt)].map((text) => Date.parse(text));
  const past = bounds.filter((time) => time <= now.getTime());
  return new Date(Math.max(0, ...past)).toISOString();
}

/**
 * When the commit was made that a stage builds on. Evidence that a human accepted as it is was there when its stop was
 * journaled: that entry is no bound for it.
 */
export function lastCommit({ entries, state }: Run, at: Pick<Attempt, "iteration" | "stage">): string {
  const { acknowledgements } = state;
  const last = acknowledgements.findLast((one) => one.iteration === at.iteration && one.stage === at.stage);
  const isOwnStop = ({ iter, stage, status }: (typeof entries)[number]) =>
    last?.accept === true && iter === at.iteration && stage === at.stage && status === "error";
  return entries.findLast((entry) => !isOwnStop(entry))?.ts ?? state.started_at;
}

async function openAttempt(run: OpenRun, at: StageRef, deps: Deps): Promise<Attempt> {
  const latest = await latestAttempt(run.runDir, at.iteration, at.stage);
  return latest && latest.finished === undefined ? latest : await newAttempt(run, at, latest, deps);
}

async function newAttempt(run: OpenRun, at: StageRef, latest: Attempt | undefined, deps: Deps): Promise<Attempt> {
  await assertPinsHold(run.state);
  if (at.stage === "evaluate") await assertImagesHold(run.runDir, run.state);
  const now = deps.clock.now();
  const attempt: Attempt = {
    ...at,
    attempt: (latest?.attempt ?? 0) + 1,
    started_at: isoSeconds(now),
    stamp: stageStamp(now),
    platform: run.state.config.platform,
  };
  run.proof.assertHeld();
  await makeDirectory(runPaths(run.runDir).jobs);
  await saveAttempt(run.runDir, attempt);
  return attempt;
}

/**
 * Writes what the jobs read, then their records, then the list of them: from the list on, nothing is planned again. A
 * process that lost the lock meanwhile must not spoil what the next owner prepares: it is asked before each of these.
 */
async function prepare(run: OpenRun, at: StageRef, attempt: Attempt, deps: Deps, executor: Executor): Promise<Attempt> {
  const stage = stages[at.stage];
  const context = contextOf(run, at, attempt, deps);
  const plan = await stage.plan(context);
  const root = join(await realPathOf(run.runDir), at.iteration);
  for (const path of [...(plan.fresh ?? []), ...plan.directories.map((directory) => directory.path)]) {
    await containedPath([root], path, "an output directory", { rootsAreReal: true });
  }
  run.proof.assertHeld();
  for (const path of plan.fresh ?? []) await setAside(path);
  for (const directory of plan.directories) await makeDirectory(directory.path, directory.mode);
  run.proof.assertHeld();
  const [first] = plan.jobs;
  if (first !== undefined) await executor.expect?.(run.runDir, first);
  const facts = await stage.prepare?.(context, plan);
  if (facts !== undefined) passGates(facts, context, at.stage);
  run.proof.assertHeld();
  const limit = run.state.config.stage_time_limit_sec;
  for (const spec of plan.jobs) {
    const limited = limit === undefined ? spec : { ...spec, time_limit_sec: limit };
    const created_at = isoSeconds(deps.clock.now());
    await saveRecord(run.runDir, { spec: limited, platform: executor.platform, created_at });
  }
  const prepared = { ...attempt, jobs: plan.jobs.map((spec) => spec.id) };
  await saveAttempt(run.runDir, prepared);
  return prepared;
}

/** Starts a job that has not started, and records the exit of one that has ended. */
export async function settle(
  { runDir, state, proof }: OpenRun,
  record: JobRecord,
  executor: Executor,
  deps: Deps,
): Promise<JobRecord> {
  if (record.exit !== undefined) return record;
  if (record.handle === undefined) {
    assertTrainsAsApproved(state, executor);
    proof.assertHeld();
    const started = { ...record, handle: await executor.start(runDir, record.spec) };
    await saveRecord(runDir, started);
    return started;
  }
  const now = await executor.poll(runDir, record);
  if (now.state === "running") return record;
  proof.assertHeld();
  // Whoever noted the end of the job may have known fewer secrets; of a job that was lost nobody noted it.
  await scrubLog(runPaths(runDir).jobRecord(record.spec.id), record.spec.log_path, deps.env);
  const ended = { ...record, exit: now.exit };
  await saveRecord(runDir, ended);
  await executor.discard?.(runDir, ended);
  return ended;
}

/** A person approved where training goes and what it may cost; the operator's settings may have changed since. */
function assertTrainsAsApproved({ plan }: OpenRun["state"], { trains_on }: Executor): void {
  const approved = plan.parameters.trains_on?.value;
  if (approved === trains_on) return;
  const facts = { approved: approved ?? "on the platform", configured: trains_on ?? "on the platform" };
  throw new Refusal("approval.plan-changed", "Training would run elsewhere than in the approved plan.", facts);
}
