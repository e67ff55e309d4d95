import { Refusal } from "../../errors.ts";
import type { Kubectl } from "./cli.ts";
import { kubeFailure, says } from "./errors.ts";
import { annotationNames, labelNames } from "./manifest.ts";
import { type KubeJob, type KubePod, parseJob, parseObjects, podsOf } from "./objects.ts";
import type { KubeObject } from "./record.ts";

/** The Job of that name; undefined when the cluster has none. */
export async function findJob(kubectl: Kubectl, name: string): Promise<KubeJob | undefined> {
  const answer = await kubectl.run(["get", "job", name, "-o", "json"]);
  if (answer.code === 0) return parseJob(answer.stdout);
  if (says.absent(answer.stderr)) return undefined;
  throw kubeFailure("kubectl get job", answer.stderr, { job: name });
}

/**
 * Makes the Job, or finds it made: the API server takes its name once, and the digest tells ours from a stranger's.
 *
 * @throws Refusal `executor.name-taken` for another Job of that name; `executor.cluster-refused` when there is none now;
 * `executor.cluster-unreachable` when nobody knows.
 */
export async function createOnce(kubectl: Kubectl, manifest: object, { name, digest }: KubeObject): Promise<KubeJob> {
  const input = JSON.stringify(manifest);
  const answer = await kubectl.run(["create", "-f", "-", "-o", "json"], { input, timeoutSec: 60 });
  if (answer.code === 0) return parseJob(answer.stdout);
  if (!says.exists(answer.stderr)) throw kubeFailure("kubectl create job", answer.stderr, { job: name });
  const found = await findJob(kubectl, name);
  if (found === undefined) {
    throw new Refusal("executor.cluster-unreachable", `Job ${name} was there and is gone.`, {
      cause: "race",
      job: name,
    });
  }
  if (found.metadata.annotations?.[annotationNames.digest] === digest) return found;
  const facts = { job: name, uid: found.metadata.uid, annotations: found.metadata.annotations ?? {} };
  throw new Refusal("executor.name-taken", "Another Job has the name of this one.", facts);
}

/** The very Job that was made and its pods, in one call. */
export async function lookAt(
  kubectl: Kubectl,
  { stamp, uid }: KubeObject,
): Promise<{ job?: KubeJob; pods: KubePod[] }> {
  const answer = await kubectl.run(["get", "jobs,pods", "-l", `${labelNames.job}=${stamp}`, "-o", "json"]);
  if (answer.code !== 0) throw kubeFailure("kubectl get jobs,pods", answer.stderr);
  const { jobs, pods } = parseObjects(answer.stdout);
  const job = jobs.find(({ metadata }) => metadata.uid === uid);
  return { ...(job === undefined ? {} : { job }), pods: podsOf(pods, uid ?? "") };
}

/** What the cluster last said of a Job that has no pod: a quota, a policy. Undefined where it says nothing, or may not be asked. */
export async function eventsOf(kubectl: Kubectl, name: string): Promise<string | undefined> {
  const fields = `involvedObject.kind=Job,involvedObject.name=${name},type=Warning`;
  const columns = "custom-columns=R:.reason,M:.message";
  const answer = await kubectl.run(["get", "events", "--field-selector", fields, "--no-headers", "-o", columns]);
  const lines = answer.stdout.split("\n").filter((line) => line.trim() !== "");
  return answer.code === 0
    ? lines
        .at(-1)
        ?.replace(/\s{2,}/, ": ")
        .trim()
    : undefined;
}

/** Deletes the Job and waits for nothing; its pods are asked to end first, and the Job stays until they are gone. */
export async function deleteJob(kubectl: Kubectl, name: string, cascade: "foreground" | "background"): Promise<void> {
  const flags = ["--ignore-not-found", "--wait=false", `--cascade=${cascade}`];
  const answer = await kubectl.run(["delete", "job", name, ...flags]);
  if (answer.code !== 0) throw kubeFailure("kubectl delete job", answer.stderr, { job: name });
}

/** Makes the job's Secret anew: the value of a variable may be another one than when a dead process made it. */
export async function putSecret(kubectl: Kubectl, manifest: object, name: string): Promise<void> {
  const input = JSON.stringify(manifest);
  for (const last of [false, true]) {
    const answer = await kubectl.run(["create", "-f", "-"], { input });
    if (answer.code === 0) return;
    if (last || !says.exists(answer.stderr))
      throw kubeFailure("kubectl create secret", answer.stderr, { secret: name });
    await deleteSecret(kubectl, name);
  }
}

export async function deleteSecret(kubectl: Kubectl, name: string): Promise<void> {
  const answer = await kubectl.run(["delete", "secret", name, "--ignore-not-found", "--wait=false"]);
  if (answer.code !== 0) throw kubeFailure("kubectl delete secret", answer.stderr, { secret: name });
}

/** The end of what a pod printed, without what the cluster may add of its own; empty where nothing can be had. */
export async function podLog(kubectl: Kubectl, pod: string): Promise<string> {
  const answer = await kubectl.run(["logs", pod, "--tail=400", "--limit-bytes=262144"]).catch(() => undefined);
  return answer?.code === 0 ? answer.stdout : "";
}
