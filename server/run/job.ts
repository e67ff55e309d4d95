import { z } from "zod";

/** Which program collection a job needs; an executor maps it to a container image or to the embedded engine. */
export const imageKeys = ["tao_pyt", "tao_ds", "anomalygen"] as const;
export type ImageKey = (typeof imageKeys)[number];

/**
 * One program run, as data: what `plan()` of a stage returns and what an executor starts.
 *
 * Paths are host paths; the workspace is mounted at its own path, so they hold inside containers too.
 */
export const jobSpecSchema = z.object({
  /** Unique within the run, e.g. `iter1-data_mining-1-target_embeddings`; names container, record and log. */
  id: z.string().regex(/^[a-z0-9_-]+$/),
  image: z.enum(imageKeys),
  /** Program and arguments. An AnomalyGen script is named `prep_testcase.sh`, its executor finds it in the image. */
  argv: z.array(z.string()).min(1),
  mounts: z.array(z.object({ source: z.string(), target: z.string(), readonly: z.boolean() })),
  /** Constant variables; never a secret. */
  env: z.record(z.string(), z.string()),
  /** Names of variables passed through by name from the server's environment; values are never stored. */
  env_names: z.array(z.string()),
  workdir: z.string(),
  gpus: z.enum(["none", "all"]),
  shm_size: z.string().optional(),
  ipc_host: z.boolean(),
  /** `host` runs with the host user's ids, `root` with the image's root (tao-stages 2.1, user rule). */
  user: z.enum(["host", "root"]),
  log_path: z.string(),
  /** TAO status.json to read progress and the backend's own verdict from. */
  status_path: z.string().optional(),
  /** Regular file whose lines or directory whose entries count towards `expected`, for jobs without status.json. */
  progress: z.object({ path: z.string(), expected: z.number() }).optional(),
  time_limit_sec: z.number().optional(),
  /** Proves what another job found: without any cache, and with nothing of the server's environment but what it needs. */
  afresh: z.boolean().optional(),
});
export type JobSpec = z.infer<typeof jobSpecSchema>;

/** Identity of a process that survives pid reuse and reboots. */
export const processIdentitySchema = z.object({ pid: z.number(), start: z.string(), boot: z.string() });
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** How a job ended; collected once and kept in its record. */
export const jobExitSchema = z.object({
  outcome: z.enum(["exited", "killed", "oom", "cancelled", "timeout", "lost"]),
  exit_code: z.number().optional(),
  signal: z.string().optional(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  detail: z.string().optional(),
});
export type JobExit = z.infer<typeof jobExitSchema>;

/** `jobs/<id>.json`: on disk before the process starts. */
export const jobRecordSchema = z.object({
  spec: jobSpecSchema,
  platform: z.string(),
  created_at: z.string(),
  /** What the executor knows the job by: pid identity, container id ... */
  handle: z.record(z.string(), z.unknown()).optional(),
  exit: jobExitSchema.optional(),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** One attempt at a stage: `jobs/<iter>-<stage>-<attempt>.attempt.json`, written before its first side effect. */
export const attemptSchema = z.object({
  iteration: z.string(),
  stage: z.string(),
  attempt: z.number().int().min(1),
  started_at: z.string(),
  /** Directory stamp `YYYY-MM-DD_HHMMSS` of the attempt. */
  stamp: z.string(),
  platform: z.string(),
  /** Job ids in their order, written once the files that the jobs read are on disk. */
  jobs: z.array(z.string()).optional(),
  finished: z.enum(["ok", "error"]).optional(),
});
export type Attempt = z.infer<typeof attemptSchema>;

/** What a reader is told about a running job. */
export type JobProgress = {
  /** 0..1 when known. */
  fraction?: number;
  message: string;
  eta_sec?: number;
};
