import type { JobExit, JobProgress, JobRecord, JobSpec } from "./job.ts";

/** A recording that a cassette plays from. */
export type Tape = {
  /** Holds a job against the recorded one before it counts as started. */
  started(runDir: string, spec: JobSpec): Promise<void>;
  /** How the job ended and its outputs are on the disk; undefined while the recording has it running. */
  ended(runDir: string, record: JobRecord): Promise<JobExit | undefined>;
  progress(runDir: string, record: JobRecord): JobProgress | undefined;
  /** Whether the platform was ever asked this. */
  knows(platform: string, call: string): boolean;
  /** What the platform answered, or the refusal that it threw. */
  answer(platform: string, call: string): unknown;
};
