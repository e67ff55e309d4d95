import { join } from "node:path";
import { excerpt, Refusal, type RefusalCode } from "../../errors.ts";
import { realPathOf } from "../../fs/contained.ts";
import { commit, type OpenRun } from "../../journal/journal.ts";
import { noteUse } from "../../journal/rulers.ts";
import type { NewEntry } from "../../journal/seal.ts";
import type { Deps } from "../../ports/call.ts";
import type { Evidence, GateFacts, JobOutcome, StageContext } from "../../ports/stage.ts";
import { isoSeconds } from "../../run/clock.ts";
import { defined } from "../../run/defined.ts";
import type { Attempt } from "../../run/job.ts";
import { type IterationLabel, iterationNumber, type StageRef } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { redactDeep, redactor } from "../../run/redact.ts";
import type { HardStop, IterationState, LogEntry, RunState } from "../../run/state.ts";
import { stages } from "../../stages/index.ts";
import { passGates } from "../gates/index.ts";
import { saveAttempt } from "./attempts.ts";
import { assertImagesHold } from "./image-pins.ts";
import { assertNothingAdded, assertOutputsAsLeft } from "./job-outputs.ts";
import { assertPinsHold, takePins } from "./pins.ts";
import { settingsUsed } from "./settings-used.ts";

/** Platform of an attempt that no executor of this server ran. */
export const external = "external";

export type CommittedStage = {
  readonly state: RunState;
  readonly entry: LogEntry;
  readonly warnings: readonly string[];
  /** Present when the stage failed and the run stopped. */
  readonly stop?: HardStop;
};

/**
 * Collects a stage's evidence, holds it against the gates and commits it, or commits the refusal as a hard stop.
 *
 * A refusal that only says that the disk or the lock failed leaves the attempt open, so that the call can be repeated.
 */
export async function commitStage(
  run: OpenRun,
  at: StageRef,
  attempt: Attempt,
  context: StageContext,
  outcomes: readonly JobOutcome[],
  deps: Deps,
): Promise<CommittedStage> {
  try {
    assertJobsEnded(outcomes);
    // Nobody of ours saw the end of what another program ran.
    const noted = attempt.platform === external ? [] : outcomes;
    const left = await assertOutputsAsLeft(run.runDir, noted);
    const evidence = await stages[at.stage].collect(context, outcomes);
    await assertNothingAdded(left, evidence.pins);
    await assertPinsHold(run.state);
    // These two are what the images decide: the weights and the figure.
    if (at.stage === "train" || at.stage === "evaluate") await assertImagesHold(run.runDir, run.state);
    const outputs = await outputsOf(run.runDir, at.iteration, evidence);
    const remarks = passGates({ ...evidence.facts, outputs }, context, at.stage);
    const warnings = [...ranElsewhere(attempt), ...left.warnings, ...evidence.warnings, ...remarks];
    return await commitEvidence(run, at, attempt, { ...evidence, warnings }, spent(attempt, outcomes, deps), deps);
  } catch (error) {
    if (!(error instanceof Refusal) || leavesAttemptOpen(error.code)) throw error;
    return await commitStop(run, at, attempt, error, deps, outcomes);
  }
}

/** Records a refusal as the hard stop of a stage: an error entry, and a run that only a human can continue. */
export async function commitStop(
  run: OpenRun,
  at: StageRef,
  attempt: Attempt,
  cause: Refusal,
  deps: Deps,
  outcomes: readonly JobOutcome[] = [],
): Promise<CommittedStage> {
  // What a job printed reaches the state through the facts; a secret must not come along.
  const clean = redactor(deps.env);
  const stop: HardStop = {
    code: cause.code,
    message: clean(cause.message),
    ...at,
    at: isoSeconds(deps.clock.now()),
    facts: redactDeep({ ...cause.facts }, clean),
  };
  const next: RunState = {
    ...withIteration(run.state, at, { status: "failed" }),
    status: "failed",
    hard_stop: stop,
  };
  const summary = excerpt(`${cause.code}: ${stop.message}`, 400);
  const entry = await commit(
    run,
    next,
    { iter: at.iteration, stage: at.stage, status: "error", summary, ...spent(attempt, outcomes, deps) },
    deps,
  );
  await saveAttempt(run.runDir, { ...attempt, finished: "error" });
  return { state: next, entry, warnings: [], stop };
}

async function commitEvidence(
  run: OpenRun,
  at: StageRef,
  attempt: Attempt,
  evidence: Evidence,
  time: Spent,
  deps: Deps,
): Promise<CommittedStage> {
  const pins = await takePins(evidence.pins);
  const before = run.state.iterations[at.iteration];
  const elsewhere = (before?.adopted ?? []).filter((stage) => stage !== at.stage);
  if (attempt.platform === external) elsewhere.push(at.stage);
  const next: RunState = {
    ...withIteration(run.state, at, {
      ...evidence.patch,
      ...defined({ adopted: elsewhere.length > 0 || before?.adopted ? elsewhere : undefined }),
      stage_completed: at.stage,
      // rca looks back at a finished iteration and does not reopen it.
      status: at.stage === "evaluate" || at.stage === "rca" ? "complete" : "in_progress",
      ledger: { ...before?.ledger, ...evidence.patch.ledger },
      settings: { ...before?.settings, ...settingsUsed(run.state.plan, at.stage) },
      warnings: [...(before?.warnings ?? []), ...evidence.warnings],
    }),
    current_iteration: Math.max(run.state.current_iteration, iterationNumber(at.iteration)),
    pins: { ...run.state.pins, ...pins },
  };
  const entry = await commit(
    run,
    next,
    { iter: at.iteration, stage: at.stage, status: "ok", summary: evidence.summary, ...time },
    deps,
  );
  await saveAttempt(run.runDir, { ...attempt, finished: "ok" });
  if (at.stage === "evaluate") await noteScoring(run, next, at.iteration, entry.ts, deps);
  return { state: next, entry, warnings: evidence.warnings };
}

/** Every scoring is a use of the KPI set, and how often it was used is known outside the workspace. */
async function noteScoring(run: OpenRun, state: RunState, iteration: IterationLabel, at: string, { env }: Deps) {
  const ruler = state.ruler?.digest;
  if (ruler === undefined) return;
  const { far_pct } = state.iterations[iteration] ?? {};
  const place = { workspace: state.config.workspace, set: "kpi", env } as const;
  await noteUse(place, run.runDir, { iteration, at, ruler, ...defined({ far_pct }) });
}

/** No gate can tell what another program left from what a job of ours would have: people are told. */
function ranElsewhere({ platform, stage }: Attempt): string[] {
  if (platform !== external) return [];
  return [`${stage} ran outside this server: its files are taken as they were found.`];
}

function withIteration(state: RunState, at: StageRef, patch: Partial<IterationState>): RunState {
  const iteration = { ...state.iterations[at.iteration], ...patch };
  return { ...state, iterations: { ...state.iterations, [at.iteration]: iteration } };
}

type Spent = Pick<NewEntry, "duration_sec" | "waited_sec">;

/** Less than this beside its jobs is the stage's own work: preparing, checking, committing. */
const leastWaitSec = 5;

/** What the stage's jobs took, from the start of the first to the end of the last, and how long it waited for a caller. */
function spent(attempt: Attempt, outcomes: readonly JobOutcome[], deps: Deps): Spent {
  const whole = seconds(Date.parse(attempt.started_at), deps.clock.now().getTime());
  const bounds = outcomes.map(({ exit }) => [Date.parse(exit.started_at ?? ""), Date.parse(exit.ended_at ?? "")]);
  const known = bounds.length > 0 && bounds.flat().every(Number.isFinite);
  if (!known) return { duration_sec: whole };
  const first = Math.min(...bounds.map(([start = 0]) => start));
  const last = Math.max(...bounds.map(([, end = 0]) => end));
  const duration_sec = seconds(first, last);
  const rest = whole - duration_sec;
  return { duration_sec, ...defined({ waited_sec: rest >= leastWaitSec ? rest : undefined }) };
}

function seconds(from: number, to: number): number {
  return Math.max(1, Math.round((to - from) / 1000));
}

function assertJobsEnded(outcomes: readonly JobOutcome[]): void {
  for (const { spec, exit } of outcomes) {
    const facts = { job: spec.id, log: spec.log_path, ...exit };
    if (exit.outcome === "lost")
      throw new Refusal("executor.lost-job", "The job vanished without an exit record.", facts);
    if (exit.outcome === "timeout") throw new Refusal("executor.timeout", "The job ran past its time limit.", facts);
    if (exit.outcome === "cancelled") throw new Refusal("executor.cancelled", "The job was cancelled.", facts);
  }
}

const environmental: readonly RefusalCode[] = [
  "input.write-failed",
  "state.locked",
  "state.lock-lost",
  "state.tampered",
  "executor.unavailable",
  "install.silent-process",
];

function leavesAttemptOpen(code: RefusalCode): boolean {
  return environmental.includes(code);
}

/** Where the files that a stage hands over really lie, links resolved, and where they may lie. */
async function outputsOf(
  runDir: string,
  iteration: IterationLabel,
  evidence: Pick<Evidence, "patch" | "pins">,
): Promise<NonNullable<GateFacts["outputs"]>> {
  const real = await realPathOf(runDir);
  const paths = runPaths(real);
  const files: { path: string; real: string }[] = [];
  for (const path of namedPaths(evidence)) files.push({ path, real: await realPathOf(path) });
  return { allowed: [join(real, iteration), paths.miningHistory], files };
}

/** Pins and the absolute paths that the iteration's record will hold; an evaluator's own artifact may lie elsewhere. */
function namedPaths({ patch, pins }: Pick<Evidence, "patch" | "pins">): Set<string> {
  const values = Object.values(patch).flatMap((value) =>
    typeof value === "object" && value !== null ? Object.values(value) : [value],
  );
  const named = [...pins, ...values.filter((value) => typeof value === "string" && value.startsWith("/"))];
  const paths = new Set(named as string[]);
  if (patch.metric_result?.evidence_path !== undefined) paths.delete(patch.metric_result.evidence_path);
  return paths;
}
