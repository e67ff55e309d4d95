import { ensureKeeper, keptEnd, pollKept } from "../../durable/keeper.ts";
import { askCancel, jobStem } from "../../durable/work.ts";
import type { Executor } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { readReady } from "../docker/readiness.ts";
import { makeReady } from "../docker/ready.ts";
import { readShellClaim } from "../shell-job.ts";
import { clusterLine } from "./availability.ts";
import { deleteJob, deleteSecret, findJob } from "./calls.ts";
import { kubectlCli } from "./cli.ts";
import { inspectCluster } from "./inspect.ts";
import { readObject } from "./record.ts";
import { runCluster } from "./run-settings.ts";
import { kubernetesSettings } from "./settings.ts";

/** Beyond the grace of a cancel: for the cluster to say that the pod is gone. */
const cancelSlackSec = 30;

/**
 * Runs jobs as Jobs of a Kubernetes cluster, through kubectl. A keeper takes each through its life; this side starts keepers,
 * reads what they wrote and tells what stopped one.
 */
export function kubernetesExecutor(options: { main: string; env: NodeJS.ProcessEnv }): Executor {
  const { env } = options;
  const keeperOf = (stem: string) => ({ kind: "kubernetes", stem, ...options });
  return {
    platform: "kubernetes",
    engine: "NVIDIA TAO and AnomalyGen on Kubernetes",
    settings: kubernetesSettings,
    availability: ({ context }) => clusterLine(env, defined({ context: context as string | undefined })),
    inspect: (settings, wish) => inspectCluster(env, settings, wish),
    async program(runDir) {
      if (runDir === undefined) return undefined;
      return (await readReady(runDir)).images.tao_pyt?.id;
    },
    makeReady: (runDir) => makeReady(runDir, { kind: "kubernetes-ready", ...options }),
    async start(runDir, spec) {
      await ensureKeeper(keeperOf(jobStem(runDir, spec.id)));
      return {};
    },
    poll: (runDir, record) => pollKept(keeperOf(jobStem(runDir, record.spec.id))),
    async cancel(runDir, record, graceSec) {
      const stem = jobStem(runDir, record.spec.id);
      await askCancel(stem);
      await keptEnd(keeperOf(stem), graceSec + cancelSlackSec);
    },
    async progress(runDir, record) {
      const object = await readObject(jobStem(runDir, record.spec.id));
      if (object === undefined) return { message: "on its way to the cluster" };
      if (object.words !== undefined) return { message: `Job ${object.name} waits: ${object.words}` };
      const pod = (await readShellClaim(jobStem(runDir, record.spec.id)))?.who;
      if (object.node === undefined) return pod === undefined ? undefined : { message: `pod ${pod} has the job` };
      return { message: `Job ${object.name} runs on ${object.node}` };
    },
    async discard(runDir, record) {
      const object = await readObject(jobStem(runDir, record.spec.id));
      if (object?.uid === undefined) return;
      const kubectl = kubectlCli(env, (await runCluster(runDir)).cluster);
      // Another Job of the name is a stranger's; what cannot be removed now does no harm.
      const found = await findJob(kubectl, object.name).catch(() => undefined);
      if (found?.metadata.uid === object.uid)
        await deleteJob(kubectl, object.name, "background").catch(() => undefined);
      if (record.spec.env_names.length > 0) await deleteSecret(kubectl, object.name).catch(() => undefined);
    },
  };
}
