import type { JobExit, JobSpec } from "../run/job.ts";
import type { IterationLabel, StageName } from "../run/labels.ts";
import type { IterationState, RunState } from "../run/state.ts";

/** Everything a stage may look at: the committed state and its own attempt. Paths are absolute. */
export type StageContext = {
  readonly runDir: string;
  readonly state: RunState;
  readonly iteration: IterationLabel;
  readonly attempt: number;
  /** `YYYY-MM-DD_HHMMSS`: names the attempt's own directory where the method wants one. */
  readonly stamp: string;
  /** ISO time at which the attempt began; evidence must be newer. */
  readonly startedAt: string;
  /** Codes that a human accepted for this very attempt: `collect` reports them as warnings instead of refusing. */
  readonly accepted: readonly string[];
};

/** What a stage is going to do, as data; the same context always gives the same plan. */
export type StagePlan = {
  /** Directories to create before anything is written, with the mode that the container's user needs. */
  readonly directories: readonly { path: string; mode?: number }[];
  /** Directories that must not exist when the stage starts: leftovers of an earlier attempt are set aside. */
  readonly fresh?: readonly string[];
  readonly jobs: readonly JobSpec[];
};

/** What a finished stage hands to its commit. */
export type Evidence = {
  /** One line for the log, in the published form (tao-stages 2.*, Summary). */
  readonly summary: string;
  /** Fields of the iteration that this stage owns; merged over the present ones. */
  readonly patch: Partial<IterationState>;
  /** Files that later stages use: hashed and pinned at commit. */
  readonly pins: readonly string[];
  readonly warnings: readonly string[];
};

export type JobOutcome = { readonly spec: JobSpec; readonly exit: JobExit };

/**
 * One stage of the loop.
 *
 * `plan` is pure. `prepare` writes the files that the jobs read. `collect` checks every artifact and returns the
 * evidence, or throws a `Refusal`; it runs again after a crash, so what it writes must come out the same.
 */
export type Stage = {
  readonly name: StageName;
  /** Reads what planning needs from disk (a spec, the rows of a routed parquet); changes nothing. */
  plan(context: StageContext): Promise<StagePlan>;
  prepare?(context: StageContext, plan: StagePlan): Promise<void>;
  collect(context: StageContext, jobs: readonly JobOutcome[]): Promise<Evidence>;
};
