import { jobStem, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { type OpenRun, readRun, withRun } from "../../journal/journal.ts";
import type { Call } from "../../ports/call.ts";
import type { Measured } from "../../ports/stage.ts";
import { defined } from "../../run/defined.ts";
import { progressText } from "../../run/figures.ts";
import { releaseMemory } from "../../run/idle-memory.ts";
import type { JobProgress, JobRecord } from "../../run/job.ts";
import type { StageRef } from "../../run/labels.ts";
import { waitUntil } from "../../run/wait.ts";
import { readProgress } from "../../stages/shared/progress.ts";
import { assertApproved } from "../approval/approval-state.ts";
import { describeAction, nextAction } from "../transitions.ts";
import { type Advance, advance, executorOf } from "./advance.ts";
import type { CommittedStage } from "./commit-stage.ts";
import { makeReady } from "./make-ready.ts";
import { measureUntil } from "./measure.ts";
import { renderAfter } from "./render-after.ts";

export type StageRequest = {
  readonly iteration?: string | undefined;
  readonly stage?: string | undefined;
  readonly waitSec: number;
};

export type StageOutcome =
  | ({ readonly outcome: "committed" | "hard_stop"; readonly cleared: readonly string[] } & StageRef & CommittedStage)
  | ({
      readonly outcome: "running";
      /** Absent while the platform is made ready for the run, and while the metric's own program runs. */
      readonly job?: JobRecord;
      readonly progress: JobProgress;
      readonly elapsedSec: number;
      /** What was put right during this call, one line each. */
      readonly cleared: readonly string[];
    } & StageRef);

/**
 * A look reads a small file; a job's end is seen at once where the system tells of it, and else within about a
 * twenty-fifth of the time that it took.
 */
const pace = { first_ms: 40, most_ms: 1000, growth: 1.04 };
const progressEveryMs = 2000;

/**
 * Runs the next stage, or goes on with it, and waits up to `waitSec` for its end.
 *
 * The job is durable: when the wait ends, the client goes away or the server dies, it runs on, and the same call later
 * continues with it. A stage or iteration that is named must be the next one.
 *
 * @throws Refusal `stage.out-of-order`, `state.hard-stopped`, `state.finished`, `approval.required`.
 */
export async function runStage(runDir: string, request: StageRequest, call: Call): Promise<StageOutcome> {
  const began = performance.now();
  const deadline = began + request.waitSec * 1000;
  const ready = await makeReady(
    runDir,
    () => withRun(runDir, (run) => nextStage(run, request, call), call.deps),
    deadline,
    call,
  );
  const { cleared } = ready;
  if (ready.state === "working") {
    const progress = { message: `preparing: ${ready.message}` };
    return { outcome: "running", ...ready.at, progress, elapsedSec: (performance.now() - began) / 1000, cleared };
  }
  const first = await withRun(
    runDir,
    async (run) => {
      const at = await nextStage(run, request, call);
      return { at, step: await advance(run, at, call.deps) };
    },
    call.deps,
  );
  const { at } = first;
  let step = await rendered(runDir, at, first.step, call);
  while (!("committed" in step)) {
    const next = await goOn(runDir, at, step, deadline, call);
    if ("progress" in next) {
      const elapsed = call.deps.clock.now().getTime() - Date.parse(step.attempt.started_at);
      return { outcome: "running", ...at, ...next, elapsedSec: Math.max(0, elapsed / 1000), cleared };
    }
    step = next;
  }
  const { committed } = step;
  return { outcome: committed.stop ? "hard_stop" : "committed", ...at, ...committed, cleared };
}

/** Waits for what a stage waits for and takes it one step further, or tells where it stands when the wait is over. */
async function goOn(
  runDir: string,
  at: StageRef,
  step: Exclude<Advance, { committed: unknown }>,
  deadline: number,
  call: Call,
): Promise<Advance | { readonly job?: JobRecord; readonly progress: JobProgress }> {
  if ("running" in step) {
    const progress = await waitForEnd(runDir, at, step.running, deadline, call);
    return progress === undefined ? await advanceOrFollow(runDir, at, call) : { job: step.running, progress };
  }
  const progress = { message: "the metric's evaluator is running" };
  const tell = () => call.progress(`${at.iteration} ${at.stage}: ${progress.message}`);
  tell();
  const told = setInterval(tell, progressEveryMs);
  try {
    const measured = await measureUntil<Advance>(step.measuring, at.stage, deadline, {
      commit: (found) => advanceOrFollow(runDir, at, call, found),
      async follow() {
        const now = await advanceOrFollow(runDir, at, call);
        return "measuring" in now ? undefined : now;
      },
    });
    return measured ?? { progress };
  } finally {
    clearInterval(told);
  }
}

async function nextStage(run: OpenRun, request: StageRequest, call: Call): Promise<StageRef> {
  const next = nextAction(run.state);
  if (next.action === "acknowledge_or_finish") {
    throw new Refusal("state.hard-stopped", `The run stopped at ${next.iteration} ${next.stage} with ${next.code}.`, {
      ...next,
    });
  }
  if (next.action === "none") throw new Refusal("state.finished", "The run is closed.", { reason: next.reason });
  if (next.action === "finish_loop") {
    throw new Refusal("stage.out-of-order", "No stage is left to run.", { next: describeAction(next) });
  }
  const asked = { iteration: request.iteration ?? next.iteration, stage: request.stage ?? next.stage };
  if (asked.iteration !== next.iteration || asked.stage !== next.stage) {
    const facts = { requested: `${asked.iteration} ${asked.stage}`, next: describeAction(next) };
    throw new Refusal("stage.out-of-order", "Another stage comes next.", facts);
  }
  await assertApproved(run.state, call.deps);
  return { iteration: next.iteration, stage: next.stage };
}

/** Goes on with the stage, or reports the commit that another client made of it meanwhile; renders what is committed. */
async function advanceOrFollow(runDir: string, at: StageRef, call: Call, measured?: Measured): Promise<Advance> {
  return await rendered(
    runDir,
    at,
    await withRun(runDir, (run) => lockedStep(run, at, call, measured), call.deps),
    call,
  );
}

async function rendered(runDir: string, at: StageRef, step: Advance, call: Call): Promise<Advance> {
  if (!("committed" in step)) return step;
  return { committed: await renderAfter(runDir, step.committed, at, call.deps) };
}

async function lockedStep(run: OpenRun, at: StageRef, call: Call, measured?: Measured): Promise<Advance> {
  const next = nextAction(run.state);
  if (next.action === "run_stage" && next.iteration === at.iteration && next.stage === at.stage) {
    return await advance(run, at, call.deps, measured);
  }
  const entry = run.entries.findLast((one) => one.iter === at.iteration && one.stage === at.stage);
  if (entry === undefined) throw new Refusal("state.lock-lost", "The run moved on without this stage.", { ...at });
  const stop = run.state.hard_stop;
  return { committed: { state: run.state, entry, warnings: [], ...defined({ stop }) } };
}

/** Waits until the job has ended (undefined) or the wait is over (where it stands). Holds no lock. */
async function waitForEnd(
  runDir: string,
  at: StageRef,
  job: JobRecord,
  deadline: number,
  call: Call,
): Promise<JobProgress | undefined> {
  const executor = await executorOf(await readRun(runDir, call.deps), call.deps);
  let reported = Number.NEGATIVE_INFINITY;
  releaseMemory();
  const found = await waitUntil<JobProgress | "ended">(
    async (last) => {
      if ((await executor.poll(runDir, job)).state === "ended") return "ended";
      if (!last && performance.now() - reported < progressEveryMs) return undefined;
      const progress = (await executor.progress?.(runDir, job)) ?? (await readProgress(job.spec));
      call.progress(`${at.iteration} ${at.stage}: ${progressText(progress)}`, progress.fraction);
      reported = performance.now();
      return last ? progress : undefined;
    },
    pace,
    { deadline, signal: call.signal, file: workFiles(jobStem(runDir, job.spec.id)).exit },
  );
  return found === "ended" ? undefined : found;
}
