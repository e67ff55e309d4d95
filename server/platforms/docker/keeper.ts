import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../../errors.ts";
import { type Docker, dockerCli } from "../../exec/docker-cli.ts";
import { identityOf, isOwnerAlive } from "../../exec/identity.ts";
import { noteOutput } from "../../exec/job-output.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { fileFacts } from "../../fs/read.ts";
import { takeTurn, turnBegins, turnTaken } from "../../fs/turn.ts";
import type { JobRecord, JobSpec } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { daemonNow, findContainer, hasEnded } from "./containers.ts";
import { followOnce } from "./follower.ts";
import { giveBack, type Owner } from "./give-back.ts";

/** Files beside the record of a docker job. */
export function jobFiles(runDir: string, jobId: string) {
  const stem = join(runPaths(runDir).jobs, jobId);
  return {
    record: `${stem}.json`,
    followed: `${stem}.followed.json`,
    keeper: `${stem}.keeper`,
    cancel: `${stem}.cancel`,
    timeout: `${stem}.timeout`,
  };
}

/** A job whose container runs. */
export type KeptJob = {
  readonly runDir: string;
  readonly spec: JobSpec;
  readonly containerId: string;
  /** Who gets the files of a job that wrote as root. */
  readonly user: Owner;
  readonly env: NodeJS.ProcessEnv;
};

/** Pause before the daemon or a full disk is tried again. */
const patienceMs = 1000;
const stopGraceSec = 20;
const startLimitMs = 3000;
const recordLookMs = 10_000;

/** Whether a process on this host keeps the job now. */
export async function isKept(runDir: string, jobId: string): Promise<boolean> {
  return await turnTaken(jobFiles(runDir, jobId).keeper, isOwnerAlive);
}

/** Waits a moment for the keeper that was just started, so that no second one is started meanwhile. */
export async function keeperBegins(runDir: string, jobId: string): Promise<void> {
  await turnBegins(jobFiles(runDir, jobId).keeper, isOwnerAlive, startLimitMs);
}

/**
 * Follows the output of a job's container into its log file and holds the job to its time limit, until the container
 * has ended and its last line is written. Of several keepers of one job exactly one works; the others return at once.
 *
 * A keeper is a process of its own that outlives the server, so both also hold while no server runs.
 */
export async function keepJob(kept: KeptJob): Promise<void> {
  const files = jobFiles(kept.runDir, kept.spec.id);
  const identity = await identityOf(process.pid);
  const turn = await takeTurn(files.keeper, { ...identity }, isOwnerAlive);
  if (turn === undefined) return;
  const over = new AbortController();
  try {
    const docker = dockerCli(kept.env);
    void holdToLimit(docker, kept, over.signal).catch(() => undefined);
    await Promise.race([followToEnd(docker, kept, over.signal), recordGone(files.record, over.signal)]);
  } finally {
    over.abort();
    await turn.release();
  }
}

/** Resolves once the job's record is gone: somebody removed the run, and nobody will ask for this job any more. */
async function recordGone(record: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await fileFacts(record)) !== undefined) {
    await sleep(recordLookMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Follows until the container has ended, through restarts of the daemon and a disk that is full for a while. */
async function followToEnd(docker: Docker, kept: KeptJob, signal: AbortSignal): Promise<void> {
  const { runDir, spec, containerId, env } = kept;
  const positionPath = jobFiles(runDir, spec.id).followed;
  for (;;) {
    const container = await patiently(() => findContainer(docker, containerId), signal);
    if (container === undefined) return;
    const last = hasEnded(container);
    const wish = { env, containerId, logPath: spec.log_path, positionPath, last };
    // Once the container has ended a full disk is the caller's to hear of, who asks again.
    if (last) {
      await followOnce(wish);
      return await noteEnd(docker, kept);
    }
    await followOnce(wish).catch(onlyRefusals);
    await sleep(patienceMs / 5);
  }
}

/** Gives files back to the host user and notes them, so that whoever asks next finds all that the job left. */
export async function noteEnd(docker: Docker, kept: Omit<KeptJob, "containerId">, unwatched = false) {
  const { runDir, spec, user, env } = kept;
  const note = await giveBack(docker, runDir, spec, user);
  await noteOutput(jobFiles(runDir, spec.id).record, spec, env, { ...note, ...(unwatched ? { unwatched } : {}) });
}

/** Stops the container when its time is over; the time is the daemon's, so a clock that differs from ours is fine. */
async function holdToLimit(docker: Docker, kept: KeptJob, signal: AbortSignal): Promise<void> {
  const { runDir, spec, containerId: id } = kept;
  const limit = spec.time_limit_sec;
  if (limit === undefined) return;
  for (;;) {
    const container = await patiently(() => findContainer(docker, id), signal);
    if (container === undefined || hasEnded(container)) return;
    const spent = (await patiently(() => daemonNow(docker), signal)) - Date.parse(container.started_at);
    const left = limit * 1000 - spent;
    if (left <= 0) break;
    await sleep(Math.min(left + 10, 60_000), undefined, { signal });
  }
  await writeAtomic(jobFiles(runDir, spec.id).timeout, "");
  await patiently(() => stopContainer(docker, id, stopGraceSec), signal);
}

/** Asks the container to end, and kills it after the grace; one that has ended is left as it is. */
export async function stopContainer(docker: Docker, id: string, graceSec: number): Promise<void> {
  const args = ["stop", "--time", String(graceSec), id];
  await docker.run(args, { timeoutSec: graceSec + 60 });
}

export function containerIdOf(record: JobRecord): string {
  const id = record.handle?.container_id;
  if (typeof id !== "string") throw new Error(`record ${record.spec.id} names no container`);
  return id;
}

/** Repeats the work while the daemon is away. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      onlyRefusals(error);
      await sleep(patienceMs, undefined, { signal });
    }
  }
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}
