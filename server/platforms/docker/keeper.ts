import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Work } from "../../durable/keeper.ts";
import { jobOf, recordEnd, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { notedOutput } from "../../exec/job-output.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import { type JobExit, type JobSpec, jobRecordSchema } from "../../run/job.ts";
import { patiently, waitUntil } from "../../run/wait.ts";
import { type Docker, dockerCli } from "./cli.ts";
import { type Container, daemonNow, findContainer, hasEnded } from "./containers.ts";
import { containerFiles, exitOf } from "./exit.ts";
import { followOnce } from "./follow.ts";
import { giveBack, type Owner } from "./give-back.ts";

const ownerSchema = z.object({ uid: z.number(), gid: z.number() });
const wishSchema = z.object({ container_id: z.string(), user: ownerSchema });

/** A job whose container was made. */
export type KeptContainer = {
  readonly stem: string;
  readonly spec: JobSpec;
  readonly containerId: string;
  /** Who gets the files of a job that wrote as root. */
  readonly user: Owner;
  readonly env: NodeJS.ProcessEnv;
};

/** Pause before the daemon or a full disk is tried again. */
const patienceMs = 1000;
const stopGraceSec = 20;
const recordLookMs = 10_000;

/**
 * What the keeper of a container does: it follows the output into the job's log and holds the job to its time limit,
 * until the container has ended and its last line and its exit are written, or its record is gone with the run.
 */
export const containerWork: Work = {
  async run({ stem, env, wish }) {
    const { record } = workFiles(stem);
    const { container_id: containerId, user } = wishSchema.parse(wish);
    const { spec } = await readAs(record, jobRecordSchema);
    const kept = { stem, spec, containerId, user, env };
    const over = new AbortController();
    const bounds = { signal: over.signal };
    const gone = async () => (await fileFacts(record)) === undefined || undefined;
    try {
      const docker = dockerCli(env);
      void holdToLimit(docker, kept, over.signal).catch(() => undefined);
      const recordGone = waitUntil(gone, { first_ms: recordLookMs, most_ms: recordLookMs }, bounds);
      await Promise.race([followToEnd(docker, kept, over.signal), recordGone]);
    } finally {
      over.abort();
    }
  },
};

/** Follows until the container has ended, through restarts of the daemon and a disk that is full for a while. */
async function followToEnd(docker: Docker, kept: KeptContainer, signal: AbortSignal): Promise<void> {
  for (;;) {
    const container = await throughAbsence(() => findContainer(docker, kept.containerId), signal);
    if (container === undefined) return;
    // Once the container has ended a full disk is the caller's to hear of, who asks again.
    if (hasEnded(container)) return void (await settle(docker, kept, container));
    await followOnce(followOf(kept, false)).catch(onlyRefusals);
    await sleep(patienceMs / 5);
  }
}

function followOf({ stem, spec, containerId, env }: KeptContainer, last: boolean) {
  return { env, containerId, logPath: spec.log_path, positionPath: containerFiles(stem).followed, last };
}

/**
 * Takes the rest of the output of a container that has ended, gives its files back to the host user, notes them and
 * writes the exit. `unwatched` says that no keeper saw the end. What was noted before stays.
 */
export async function settle(
  docker: Docker,
  kept: KeptContainer,
  container: Container,
  unwatched = false,
): Promise<JobExit> {
  const { stem, spec, user, env } = kept;
  await followOnce(followOf(kept, true));
  const noted = await notedOutput(workFiles(stem).record);
  const { detail } = noted ?? (await giveBack(docker, jobOf(stem).runDir, spec, user));
  const exit = { ...(await exitOf(stem, container)), ...defined({ detail }) };
  await recordEnd(stem, exit, spec, env, defined({ detail, unwatched: unwatched || undefined }));
  return exit;
}

/** Stops the container when its time is over; the time is the daemon's, so a clock that differs from ours is fine. */
async function holdToLimit(docker: Docker, kept: KeptContainer, signal: AbortSignal): Promise<void> {
  const { stem, spec, containerId: id } = kept;
  const limit = spec.time_limit_sec;
  if (limit === undefined) return;
  for (;;) {
    const container = await throughAbsence(() => findContainer(docker, id), signal);
    if (container === undefined || hasEnded(container)) return;
    const spent = (await throughAbsence(() => daemonNow(docker), signal)) - Date.parse(container.started_at);
    const left = limit * 1000 - spent;
    if (left <= 0) break;
    await sleep(Math.min(left + 10, 60_000), undefined, { signal });
  }
  await writeAtomic(containerFiles(stem).timeout, "");
  await throughAbsence(() => stopContainer(docker, id, stopGraceSec), signal);
}

/** Asks the container to end, and kills it after the grace; one that has ended is left as it is. */
export async function stopContainer(docker: Docker, id: string, graceSec: number): Promise<void> {
  const args = ["stop", "--time", String(graceSec), id];
  await docker.run(args, { timeoutSec: graceSec + 60 });
}

/** Repeats the work while the daemon is away. */
async function throughAbsence<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return await patiently(work, (error) => error instanceof Refusal, { pause_ms: patienceMs, signal });
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}
