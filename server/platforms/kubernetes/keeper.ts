import type { Work } from "../../durable/keeper.ts";
import { isCancelled, jobOf, readExit, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAs } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import { type JobExit, type JobRecord, jobRecordSchema } from "../../run/job.ts";
import { readReady } from "../docker/readiness.ts";
import { recordShellEnd } from "../shell-job.ts";
import { createOnce, deleteSecret, findJob, podLog, putSecret } from "./calls.ts";
import { kubectlCli } from "./cli.ts";
import { annotationNames, type JobWish, jobIdentity, jobManifest, secretManifest } from "./manifest.ts";
import { forgetObject, type KubeObject, readObject, saveObject } from "./record.ts";
import { runCluster, wishOf } from "./run-settings.ts";
import { type Ended, type JobPace, untilEnded, type Watched } from "./watch.ts";

/** Looks that cost nothing are frequent; questions to the cluster slow down. */
export const usualPace: JobPace = {
  file_ms: 200,
  first_ms: 1000,
  most_ms: 10_000,
  late_ms: 30_000,
  away_ms: 180_000,
  refused_ms: 20_000,
  stuck_ms: 600_000,
};

/** A recorded job on its way through the cluster. */
export type KeptJob = Watched & {
  readonly record: JobRecord;
  readonly wish: JobWish;
  readonly env: NodeJS.ProcessEnv;
};

/**
 * Takes a recorded job through its life on the cluster: made once, looked at until nothing of it runs, its end recorded,
 * its secret gone. Everything is on disk before it takes effect, so a keeper that died anywhere is followed by one that
 * goes on.
 */
export function jobWork(pace = usualPace): Work {
  return {
    async run({ stem, env }) {
      if ((await readExit(stem)) !== undefined) return;
      const record = await readAs(workFiles(stem).record, jobRecordSchema);
      const { runDir } = jobOf(stem);
      const { state, cluster } = await runCluster(runDir);
      const image = (await readReady(runDir)).images[record.spec.image]?.id;
      if (image === undefined)
        throw new Refusal("executor.image-missing", `The plan has no ${record.spec.image} image.`);
      const wish = { ...wishOf(runDir, stem, record, state), image };
      const ended = await throughLife({ stem, record, wish, env, pace, kubectl: kubectlCli(env, cluster) });
      if (ended !== undefined) await recordShellEnd(stem, ended, record.spec, { env, lateMs: pace.late_ms });
    },
  };
}

/** How the job ended; undefined when its record is gone with the run. */
export async function throughLife(kept: KeptJob): Promise<JobExit | undefined> {
  const object = await created(kept);
  if (object === undefined) return { outcome: "cancelled", detail: "before it was sent to the cluster" };
  const ended = await untilEnded(kept, object);
  // What cannot be removed now is removed with the Job.
  await withdrawSecret(kept).catch(() => undefined);
  if (ended !== undefined && !ended.own) await keepLog(kept, ended);
  return ended?.exit;
}

/**
 * The Job, made once. Undefined when it was cancelled before it was sent.
 *
 * @throws Refusal of the cluster; nothing is left of it then, and the next try begins anew.
 */
async function created(kept: KeptJob): Promise<KubeObject | undefined> {
  const { stem, wish, kubectl } = kept;
  const known = await readObject(stem);
  if (known?.state === "created") return known;
  if (await isCancelled(stem)) return known === undefined ? undefined : await sentBefore(kept, known);
  const object: KubeObject = { ...jobIdentity(wish.runDir, wish.record), state: "sending" };
  const manifest = jobManifest(wish);
  await saveObject(stem, object);
  try {
    await giveSecret(kept, object);
    return await taken(stem, object, (await createOnce(kubectl, manifest, object)).metadata.uid);
  } catch (error) {
    if (error instanceof Refusal && error.code !== "executor.cluster-unreachable") {
      await withdrawSecret(kept).catch(() => undefined);
      await forgetObject(stem);
    }
    throw error;
  }
}

/** What a dead keeper sent and a cancel has overtaken. */
async function sentBefore({ stem, kubectl }: KeptJob, object: KubeObject): Promise<KubeObject | undefined> {
  const found = await findJob(kubectl, object.name);
  const ours = found?.metadata.annotations?.[annotationNames.digest] === object.digest;
  return found !== undefined && ours ? await taken(stem, object, found.metadata.uid) : undefined;
}

async function taken(stem: string, object: KubeObject, uid: string): Promise<KubeObject> {
  const made: KubeObject = { ...object, state: "created", uid };
  await saveObject(stem, made);
  return made;
}

async function giveSecret({ wish, env, kubectl, record }: KeptJob, { name }: KubeObject): Promise<void> {
  const values = record.spec.env_names.flatMap((key) => (env[key] ? [[key, env[key]] as const] : []));
  if (values.length > 0) await putSecret(kubectl, secretManifest(wish, Object.fromEntries(values)), name);
}

async function withdrawSecret({ wish, kubectl, record }: KeptJob): Promise<void> {
  if (record.spec.env_names.length === 0) return;
  await deleteSecret(kubectl, jobIdentity(wish.runDir, wish.record).name);
}

/** A job that left no word may have told its pod's log why; its own log is where failures are looked up. */
async function keepLog({ kubectl, record }: KeptJob, { pod }: Ended): Promise<void> {
  const { log_path } = record.spec;
  if (pod === undefined || ((await fileFacts(log_path))?.size_bytes ?? 0) > 0) return;
  const text = await podLog(kubectl, pod);
  if (text !== "") await writeAtomic(log_path, text);
}
