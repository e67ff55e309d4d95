import type { RefusalCode } from "../errors.ts";
import type { ImageKey, JobExit, JobProgress, JobRecord, JobSpec } from "../run/job.ts";
import type { Platform } from "../run/labels.ts";
import type { SettingsDeclaration, SettingValues } from "../run/platform-settings.ts";
import type { EnvironmentFacts } from "./environment.ts";

export type JobState = { readonly state: "running" } | { readonly state: "ended"; readonly exit: JobExit };

/** One container image: what was chosen, and what of it is on this host. */
export type ImageFacts = {
  readonly uri: string;
  /** The variable or file that named it. */
  readonly source: string;
  /** Content id on this host; absent while the image is not here. */
  readonly id?: string;
  /** Digest in its registry; absent for an image that was never pulled. */
  readonly digest?: string;
  readonly architecture?: string;
  readonly size_bytes?: number;
  /** Name of the engine when the programs inside are not the vendor's. */
  readonly engine?: string;
};

/** A file of the workspace by which another host shows that it sees the same one. */
export type Witness = { readonly path: string; readonly sha256: string };

/** What a container platform has, found out without any side effect. */
export type PlatformFacts = {
  readonly daemon: {
    readonly version: string;
    readonly architecture: string;
    readonly storage_driver: string;
    readonly root_dir: string;
    readonly live_restore: boolean;
    /** How far the daemon's clock is ahead of ours. */
    readonly clock_skew_sec: number;
    /** Whether the daemon knows an NVIDIA runtime or CDI devices, or the host has the hook of `--gpus`. */
    readonly nvidia: boolean;
    readonly endpoint: string;
    /** Whether the daemon's host has the file that it was asked about, with the same content; undefined on this host. */
    readonly sees?: { readonly state: "same" | "other" | "absent" | "unknown"; readonly detail: string };
  };
  readonly images: Readonly<Record<ImageKey, ImageFacts>>;
  /** GPUs as nvidia-smi lists them; undefined when it cannot be run. */
  readonly gpus?: readonly { readonly name: string; readonly memory_mib: number; readonly used_mib: number }[];
};

/** Whether jobs could run on a platform; `fix` is what a person can do about it. */
export type Availability = { readonly available: boolean; readonly detail: string; readonly fix?: string };

/** One thing that a plan rests on, as a platform on other machines shows it. */
export type PlatformFinding = {
  readonly id: string;
  readonly title: string;
  readonly outcome: "ok" | "halt" | "not_applicable";
  readonly detail: string;
  readonly code?: RefusalCode;
  readonly fix?: string;
  readonly warnings?: readonly string[];
};

/** What was asked about a platform on other machines. */
export type Inspection = {
  readonly findings: readonly PlatformFinding[];
  /** Settings that nobody gave, as the platform has them now: the plan fixes them. */
  readonly found: SettingValues;
  /** The images that its jobs would be made of; absent where the server chooses none. */
  readonly images?: Readonly<Record<ImageKey, ImageFacts>>;
};

/** Whether a run can begin: what was put right for it, or how far that is. */
export type Readiness =
  | { readonly state: "ready"; readonly cleared: readonly string[] }
  | { readonly state: "working"; readonly message: string; readonly cleared: readonly string[] };

/** How long a training that is sent away from the platform may take, unless the plan limits its stages. */
export const remoteTrainingLimitSec = 24 * 3600;

/**
 * Runs durable jobs on one platform. A job outlives the server; its record is on disk before `start` is called.
 *
 * `start` may be called again for the same record after a crash and never starts a second process.
 */
export interface Executor {
  readonly platform: Platform;
  /** Names the program that produces the figures, for state and report, e.g. `deft-mcp embedded engine 0.1.0`. */
  readonly engine: string;
  /** Digest of the program that scores, of this installation or of a run's image; undefined while nobody can tell. */
  program?(runDir?: string): Promise<string | undefined>;
  /** Where training goes when it does not stay on the platform: a setting of the plan that a human approves. */
  readonly trains_on?: string;
  /** What a plan may set of the platform; absent where there is nothing. */
  readonly settings?: SettingsDeclaration;
  /** Whether jobs could run here now, with these settings; no side effect. */
  availability(settings: SettingValues): Promise<Availability>;
  /** What the Python environment that the settings name holds; no side effect. Absent where there is none. */
  look?(settings: SettingValues, signal?: AbortSignal): Promise<EnvironmentFacts>;
  /** What a plan rests on where the jobs run on other machines; no side effect. Absent where they run on this one. */
  inspect?(settings: SettingValues, wish: { workspace: string; gpus: number }): Promise<Inspection>;
  /** What the platform has and lacks, for preflight; no side effect. Absent where nothing lies outside this program. */
  survey?(witness?: Witness): Promise<PlatformFacts>;
  /**
   * Puts right what the approved plan named as fixable and probes what only a container can tell, once a run and before
   * its first attempt. Durable like a job: the same call later goes on with it.
   *
   * @throws Refusal of the step that failed; the next call tries that step again.
   */
  makeReady?(runDir: string): Promise<Readiness>;
  /** Says that such a job of the run will be asked for in a moment: what its start takes may be begun, and is nobody's yet. */
  expect?(runDir: string, spec: Pick<JobSpec, "afresh">): Promise<void>;
  /** Starts the job or finds it started; returns the handle to keep in the record. */
  start(runDir: string, spec: JobSpec): Promise<Record<string, unknown>>;
  /**
   * Where the job stands. An exit record counts above all that a platform says; a job that vanished without one is `ended`
   * with outcome `lost`. What one left that ended well is noted by then (`recordEnd` in server/durable/work.ts).
   */
  poll(runDir: string, record: JobRecord): Promise<JobState>;
  /** Ends the job: asks, waits `graceSec`, then kills. A finished job is left as it is. */
  cancel(runDir: string, record: JobRecord, graceSec: number): Promise<void>;
  /** Progress beyond status.json, when the platform has any. */
  progress?(runDir: string, record: JobRecord): Promise<JobProgress | undefined>;
  /** Frees what the platform keeps for a job whose exit is in its record. Absent where the records are all there is. */
  discard?(runDir: string, record: JobRecord): Promise<void>;
}
