import type { JobExit, JobProgress, JobRecord, JobSpec } from "../run/job.ts";
import type { Platform } from "../run/labels.ts";

export type JobState = { readonly state: "running" } | { readonly state: "ended"; readonly exit: JobExit };

/**
 * Runs durable jobs on one platform. A job outlives the server; its record is on disk before `start` is called.
 *
 * `start` may be called again for the same record after a crash and never starts a second process.
 */
export interface Executor {
  readonly platform: Platform;
  /** Names the program that produces the figures, for state and report, e.g. `deft-mcp embedded engine 0.1.0`. */
  readonly engine: string;
  /** Whether jobs could run here now; no side effect. */
  availability(): Promise<{ available: boolean; detail: string }>;
  /** Starts the job or finds it started; returns the handle to keep in the record. */
  start(runDir: string, spec: JobSpec): Promise<Record<string, unknown>>;
  /** Where the job stands. A job that vanished without an exit record is `ended` with outcome `lost`. */
  poll(runDir: string, record: JobRecord): Promise<JobState>;
  /** Ends the job: asks, waits `graceSec`, then kills. A finished job is left as it is. */
  cancel(runDir: string, record: JobRecord, graceSec: number): Promise<void>;
  /** Progress beyond status.json, when the platform has any. */
  progress?(runDir: string, record: JobRecord): Promise<JobProgress | undefined>;
  /** Frees what the platform keeps for a job whose exit is in its record. */
  discard(runDir: string, record: JobRecord): Promise<void>;
}
