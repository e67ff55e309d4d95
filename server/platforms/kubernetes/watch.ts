import { isCancelled, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { fileFacts } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import type { JobExit } from "../../run/job.ts";
import { waitUntil } from "../../run/wait.ts";
import { readShellEnd } from "../shell-job.ts";
import { deleteJob, eventsOf, lookAt } from "./calls.ts";
import type { Kubectl } from "./cli.ts";
import { type Judgement, judge, ownExit } from "./exit.ts";
import { imageOf } from "./objects.ts";
import { type KubeObject, saveObject } from "./record.ts";

/** How often and how long things are looked at and waited for; tests shorten it. */
export type JobPace = {
  /** Between two looks for the job's own word on the volume. */
  readonly file_ms: number;
  /** Between two questions to the cluster: the first, and the longest. */
  readonly first_ms: number;
  readonly most_ms: number;
  /** What another host wrote may be seen here so much later. */
  readonly late_ms: number;
  /** An API server that does not answer, and one that does not take the login. */
  readonly away_ms: number;
  readonly refused_ms: number;
  /** An image that cannot be had. */
  readonly stuck_ms: number;
};

export type Watched = {
  readonly stem: string;
  readonly kubectl: Kubectl;
  readonly pace: JobPace;
  /** Hears what the job waits for. */
  readonly tell?: ((words: string) => Promise<void>) | undefined;
};

export type Ended = { readonly exit: JobExit; readonly pod?: string | undefined; readonly own: boolean };

/** What a watch remembers between two looks. */
type Memory = {
  object: KubeObject;
  next: number;
  pause: number;
  asked: boolean;
  since: Partial<Record<"late" | "failing" | "stuck", number>>;
  /** How it ended whatever the cluster says, once it is gone. */
  verdict?: JobExit;
};

/**
 * Looks until the job has ended and nothing of it runs any more; undefined when its record is gone with the run.
 *
 * @throws Refusal of a cluster that has not answered for long; the job runs on.
 */
export async function untilEnded(watched: Watched, object: KubeObject): Promise<Ended | undefined> {
  const { stem, pace } = watched;
  const memory: Memory = { object, next: 0, pause: pace.first_ms, asked: false, since: {} };
  const found = await waitUntil(
    async () => {
      if ((await fileFacts(workFiles(stem).record)) === undefined) return "gone" as const;
      return await turn(watched, memory);
    },
    { first_ms: pace.file_ms, most_ms: pace.file_ms },
  );
  return found === "gone" ? undefined : found;
}

async function turn(watched: Watched, memory: Memory): Promise<Ended | undefined> {
  const { stem, pace } = watched;
  const own = await readShellEnd(stem);
  if (own?.outcome === "exited" && own.exit_code === 0) return { exit: ownExit(own), own: true };
  const wanted = !memory.asked && (await isCancelled(stem));
  if (performance.now() < memory.next && own === undefined && !wanted) return undefined;
  try {
    if (wanted) await end(watched, memory);
    const ended = await look(watched, memory);
    delete memory.since.failing;
    return ended;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const quiet = lasted(memory, "failing");
    if (own !== undefined && quiet >= pace.late_ms) return { exit: ownExit(own), own: true };
    const patience = error.facts.cause === "away" || error.facts.cause === "slow" ? pace.away_ms : pace.refused_ms;
    if (quiet >= patience) throw error;
    memory.next = performance.now() + pace.first_ms;
    return undefined;
  }
}

/** Asks the cluster to end it. */
async function end({ kubectl, pace }: Watched, memory: Memory): Promise<void> {
  await deleteJob(kubectl, memory.object.name, "foreground");
  memory.asked = true;
  memory.pause = pace.first_ms;
}

async function look(watched: Watched, memory: Memory): Promise<Ended | undefined> {
  const { stem, kubectl, pace } = watched;
  const { job, pods } = await lookAt(kubectl, memory.object);
  const events = job !== undefined && pods.length === 0 ? await eventsOf(kubectl, memory.object.name) : undefined;
  // A job that is gone had its last word before the cluster said so.
  const own = await readShellEnd(stem);
  const judged = judge({ job, pods, own, cancelled: await isCancelled(stem), events });
  memory.next = performance.now() + memory.pause;
  memory.pause = Math.min(pace.most_ms, memory.pause * 1.5);
  await remember(watched, memory, judged, imageOf(pods));
  if (judged.state !== "ended") return await judgeStuck(watched, memory, judged);
  if (judged.late && lasted(memory, "late") < pace.late_ms) return undefined;
  return { exit: memory.verdict ?? judged.exit, pod: pods[0]?.metadata.name, own: own !== undefined };
}

/** A pod that waiting will not start is given up: what it waits for is told as the end of the job. */
async function judgeStuck(watched: Watched, memory: Memory, judged: Judgement): Promise<undefined> {
  if (judged.state !== "pending" || judged.stuck === undefined) {
    delete memory.since.stuck;
    return;
  }
  const patience = judged.stuck === "image" ? watched.pace.stuck_ms : watched.pace.refused_ms;
  if (memory.asked || lasted(memory, "stuck") < patience) return;
  memory.verdict = {
    outcome: "exited",
    exit_code: notStarted,
    detail: `its container could not be started: ${judged.words}`,
  };
  await end(watched, memory);
}

/** Exit code of a container that never began, as Docker has it. */
export const notStarted = 125;

/** For how long something has lasted that was never interrupted. */
function lasted({ since }: Memory, what: keyof Memory["since"]): number {
  since[what] ??= performance.now();
  return performance.now() - since[what];
}

async function remember({ stem, tell }: Watched, memory: Memory, judged: Judgement, image?: string): Promise<void> {
  const { words, node, image_id, ...before } = memory.object;
  const now = {
    words: judged.state === "pending" ? judged.words : undefined,
    node: judged.state === "running" ? judged.node : node,
    image_id: image ?? image_id,
  };
  if (now.words === words && now.node === node && now.image_id === image_id) return;
  memory.object = { ...before, ...defined(now) };
  await saveObject(stem, memory.object);
  if (now.words !== undefined) await tell?.(now.words);
}
