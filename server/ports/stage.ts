import type { Leakage } from "../data/leakage.ts";
import type { EmbeddedRows } from "../data/nearest.ts";
import type { Problem } from "../data/problems.ts";
import type { Facts, Refusal } from "../errors.ts";
import type { Measurement } from "../kpi/metric-contract.ts";
import type { MiningChoice } from "../kpi/mining-rule.ts";
import type { JobExit, JobSpec } from "../run/job.ts";
import type { IterationLabel, StageName } from "../run/labels.ts";
import type { MetricResult } from "../run/metric.ts";
import type { IterationState, RunState } from "../run/state.ts";

/** What the loop reads of the two embedding tables of mining. */
export type EmbeddingFacts = {
  readonly source: EmbeddedRows;
  readonly targets: EmbeddedRows;
  /** Similarity to the nearest target of each asked image that the source has, or of each chosen one in its order. */
  readonly nearest: ReadonlyMap<string, number>;
  /** The target that each of these is most like; absent from traces of before it was noted. */
  readonly like?: ReadonlyMap<string, string>;
  /** What a choice counted on its way. */
  readonly counts?: Readonly<Record<string, number>>;
};

/**
 * The way to those tables. They hold a vector an image and can be larger than a trace may be, so a replay answers from
 * what was read of them then.
 */
export type ReadEmbeddings = (
  tables: { readonly source: string; readonly targets: string },
  asked: readonly string[] | MiningChoice,
) => Promise<EmbeddingFacts>;

/** What a program of the user's said of a file, by the file's path; it counts for the bytes with that hash alone. */
export type Measured = ReadonlyMap<string, { readonly sha256: string; readonly said: string | Refusal }>;

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
  /** What scores here, by its digest, where the platform can tell. */
  readonly program?: string;
  /** What `measure` found before the run lock was taken. */
  readonly measured?: Measured;
  /** Codes that a human accepted for this very attempt: a gate then warns instead of refusing. */
  readonly accepted: readonly string[];
  readonly readEmbeddings: ReadEmbeddings;
};

/** What a stage is going to do, as data; the same context always gives the same plan. */
export type StagePlan = {
  /** Directories to create before anything is written, with the mode that the container's user needs. */
  readonly directories: readonly { path: string; mode?: number }[];
  /** Directories that must not exist when the stage starts: leftovers of an earlier attempt are set aside. */
  readonly fresh?: readonly string[];
  readonly jobs: readonly JobSpec[];
};

/** One step of the row ledger: what went in, what came out, and what a rule of the method took on the way. */
export type LedgerStep = {
  readonly step: string;
  readonly rows_in: number;
  readonly rows_out: number;
  /** Rows by the rule that took them, e.g. `below_floor`. */
  readonly explained?: Readonly<Record<string, number>>;
  /** More for a person who looks for the cause. */
  readonly facts?: Facts;
};

/** Training rows that show what held-out rows show, or nearly so. */
export type LeakageFacts = {
  readonly held: "validation" | "kpi" | "holdout";
  readonly training_csv: string;
  readonly held_csv: string;
  readonly leakage: Leakage;
};

/**
 * What the gates of the loop judge (server/loop/gates). A stage counts and compares; whether the result will do is not
 * its to say.
 */
export type GateFacts = {
  readonly ledger?: readonly LedgerStep[];
  /** Steps of the generator's allocation, which only a human may accept short. */
  readonly allocation?: readonly LedgerStep[];
  readonly routing?: { readonly gaps: number; readonly served: number; readonly dropped_labels: readonly Facts[] };
  readonly additions?: { readonly earlier_rows: number; readonly added_rows: number; readonly new_rows: number };
  readonly leakage?: readonly LeakageFacts[];
  /** Problems of the rows to train on, from the CSV validator. */
  readonly rows?: { readonly csv: string; readonly problems: readonly Problem[] };
  readonly checkpoints?: {
    readonly train_dir: string;
    /** Checkpoints of this attempt that equal one of before: path to path. */
    readonly copies: Readonly<Record<string, string>>;
    readonly epochs_trained: number;
  };
  readonly inferences?: readonly {
    readonly csv: string;
    readonly kpi_rows: number;
    readonly inference_rows: number;
    /** The first row that is not the KPI set's, if any. */
    readonly difference?: Facts | undefined;
    /** An earlier inference with the very same bytes, if any. */
    readonly same_as?: string | undefined;
  }[];
  /** Where the files handed over really lie; added by the loop. */
  readonly outputs?: {
    readonly allowed: readonly string[];
    readonly files: readonly { readonly path: string; readonly real: string }[];
  };
  /** The result to commit, and FAR with its counts as swept here from the committed inference.csv. */
  readonly metric?: {
    readonly inference_csv: string;
    readonly result: MetricResult;
    readonly swept: Pick<Measurement, "value" | "counts">;
  };
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
  readonly facts: GateFacts;
};

export type JobOutcome = { readonly spec: JobSpec; readonly exit: JobExit };

/**
 * One stage of the loop.
 *
 * `plan` is pure. `prepare` writes the files that the jobs read. `collect` reads every artifact and returns the
 * evidence, or throws a `Refusal` when there is none; it runs again after a crash, so what it writes must come out the
 * same. The loop holds the evidence against its gates before anything is committed.
 */
export type Stage = {
  readonly name: StageName;
  /** Reads what planning needs from disk (a spec, the rows of a routed parquet); changes nothing. */
  plan(context: StageContext): Promise<StagePlan>;
  /** Returns what the gates judge before any job starts. */
  prepare?(context: StageContext, plan: StagePlan): Promise<GateFacts>;
  /** Returns what the gates judge after a job and before the next one starts, which may cost much. */
  between?(context: StageContext, ended: readonly JobOutcome[]): Promise<GateFacts>;
  collect(context: StageContext, jobs: readonly JobOutcome[]): Promise<Evidence>;
  /** Whether programs of the user's, which may take long, must be asked before `collect`. */
  measures?(context: StageContext): boolean;
  /** Asks them. Runs without the run lock and changes nothing that it protects. */
  measure?(context: StageContext): Promise<Measured>;
};
