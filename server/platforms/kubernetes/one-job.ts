import { basename, dirname, join } from "node:path";
import { workFiles } from "../../durable/work.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { listNames } from "../../fs/read.ts";
import { removeIfPresent } from "../../fs/remove.ts";
import { defined } from "../../run/defined.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { waitUntil } from "../../run/wait.ts";
import type { FixContext } from "../docker/readiness.ts";
import { deleteJob, lookAt } from "./calls.ts";
import { type Kubectl, kubectlCli } from "./cli.ts";
import { throughLife } from "./keeper.ts";
import { imageOf } from "./objects.ts";
import { type KubeObject, readObject } from "./record.ts";
import { wishOf } from "./run-settings.ts";
import type { JobPace } from "./watch.ts";

/** A job of the preparation: its place in a queue is not waited for so long as that of a training. */
const pendingSec = 3600;

/**
 * Runs a job of the preparation to its end and removes it from the cluster; one that a dead process left is gone on with.
 * `argv` is what is started where that is not the job's own program. Its log stays, everything else of it goes, so that the next try is another Job.
 */
export async function runOnCluster(
  { runDir, state, env, say }: FixContext,
  spec: JobSpec,
  { image, argv, pace }: { readonly image: string; readonly argv?: readonly string[]; readonly pace: JobPace },
): Promise<{ exit: JobExit; object: KubeObject | undefined }> {
  const stem = join(runPaths(runDir).jobs, spec.id);
  const record = await recordOf(stem, spec);
  const wish = { ...wishOf(runDir, stem, record, state), image, ...defined({ argv }), pending_sec: pendingSec };
  const kubectl = kubectlCli(env, wish.cluster);
  const tell = (words: string) => say(`${spec.id}: ${words}`);
  const exit = await throughLife({ stem, record, wish, env, pace, kubectl, tell });
  const object = await withImage(kubectl, await readObject(stem));
  if (object !== undefined) await deleteJob(kubectl, object.name, "background").catch(() => undefined);
  for (const name of await listNames(dirname(stem))) {
    const of = name.startsWith(`${basename(stem)}.`) && name !== basename(spec.log_path);
    if (of) await removeIfPresent(join(dirname(stem), name));
  }
  return { exit: exit ?? { outcome: "lost", detail: "its record is gone" }, object };
}

/** For how long a node may still owe the cluster what it ran. */
const reportMs = 10_000;

/** A job's own word can be there before its node has told the cluster which image the container came from. */
async function withImage(kubectl: Kubectl, object: KubeObject | undefined): Promise<KubeObject | undefined> {
  if (object === undefined || object.image_id !== undefined) return object;
  const look = async () => imageOf((await lookAt(kubectl, object)).pods);
  const bounds = { deadline: performance.now() + reportMs };
  const image_id = await waitUntil(look, { first_ms: 200, most_ms: 1000 }, bounds).catch(() => undefined);
  return { ...object, ...defined({ image_id }) };
}

async function recordOf(stem: string, spec: JobSpec): Promise<JobRecord> {
  const { record: path } = workFiles(stem);
  const found = await readAsIfPresent(path, jobRecordSchema);
  if (found !== undefined) return found;
  const record: JobRecord = { spec, platform: "kubernetes", created_at: new Date().toISOString() };
  await writeAtomic(path, JSON.stringify(record));
  return record;
}
