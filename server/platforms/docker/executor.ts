import type { KeeperWish } from "../../durable/ahead.ts";
import { ensureKeeper, isKept } from "../../durable/keeper.ts";
import { askCancel, jobStem, readExit, workFiles } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import type { Executor } from "../../ports/executor.ts";
import { type JobRecord, type JobSpec, jobRecordSchema } from "../../run/job.ts";
import { type HostUser, labelNames } from "./argv.ts";
import { type Docker, dockerCli } from "./cli.ts";
import { findContainer, hasEnded, labelledContainers } from "./containers.ts";
import { vanished } from "./exit.ts";
import { settle, stopContainer } from "./keeper.ts";
import { barProgress } from "./progress.ts";
import { readReady } from "./readiness.ts";
import { makeReady } from "./ready.ts";
import { adopt, launch } from "./start.ts";
import { daemonLine, surveyDocker } from "./survey.ts";

export type DockerOptions = {
  /** The bin that keepers and preparations are started from. */
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
  readonly user: HostUser;
};

/**
 * Runs jobs as containers of the daemon that `env` names. A container outlives the server: it is found again by its
 * name and labels, its output is followed by a keeper process, and it is removed only after its exit was recorded.
 */
export function dockerExecutor(options: DockerOptions): Executor {
  const { env, main } = options;
  const docker = dockerCli(env);
  return {
    platform: "docker",
    engine: "NVIDIA TAO and AnomalyGen containers",
    async availability() {
      try {
        return { available: true, detail: await daemonLine(docker) };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { available: false, detail: error.message };
      }
    },
    async program(runDir) {
      if (runDir === undefined) return undefined;
      const image = (await readReady(runDir)).images.tao_pyt;
      return `${image?.uri ?? "no image"} ${image?.id ?? ""}`.trim();
    },
    survey: (witness) => surveyDocker(docker, env, witness),
    makeReady: (runDir) => makeReady(runDir, { kind: "docker-ready", main, env }),

    async start(runDir, spec) {
      await sweep(docker, runDir);
      const container = (await adopt(docker, runDir, spec)) ?? (await launchApproved(docker, runDir, spec, options));
      await ensureKeeper(keeperOf(jobStem(runDir, spec.id), container.id, options));
      const handle = { container_id: container.id, container_name: container.name };
      return { ...handle, image: container.labels[labelNames.image] ?? "" };
    },

    async poll(runDir, record) {
      const { spec } = record;
      const stem = jobStem(runDir, spec.id);
      const exit = await readExit(stem);
      if (exit) return { state: "ended", exit };
      const containerId = containerIdOf(record);
      const container = await findContainer(docker, containerId);
      if (container === undefined) return { state: "ended", exit: await vanished(stem, containerId) };
      if (!hasEnded(container)) {
        await ensureKeeper(keeperOf(stem, containerId, options));
        return { state: "running" };
      }
      if (await isKept(stem)) return { state: "running" };
      // The keeper may have written the exit between the two reads.
      const late = await readExit(stem);
      const { user } = options;
      const end = late ?? (await settle(docker, { stem, spec, containerId, user, env }, container, true));
      return { state: "ended", exit: end };
    },

    async cancel(runDir, record, graceSec) {
      await askCancel(jobStem(runDir, record.spec.id));
      await stopContainer(docker, containerIdOf(record), graceSec);
    },

    progress: (_runDir, record) => barProgress(record.spec),

    async discard(_runDir, record) {
      // What cannot be removed now is swept before the next job starts.
      await docker.run(["rm", containerIdOf(record)]).catch(() => undefined);
    },
  };
}

/** Removes ended containers of the run whose exit is recorded: a server died between recording and removing. */
async function sweep(docker: Docker, runDir: string): Promise<void> {
  for (const container of await labelledContainers(docker, { [labelNames.run]: runDir })) {
    const { record: path } = workFiles(jobStem(runDir, container.labels[labelNames.job] ?? ""));
    const record = await readAsIfPresent(path, jobRecordSchema);
    if (hasEnded(container) && record?.exit !== undefined) await docker.run(["rm", container.id]);
  }
}

async function launchApproved(docker: Docker, runDir: string, spec: JobSpec, options: DockerOptions) {
  const { images, network_mode } = await readReady(runDir);
  const image = images[spec.image];
  if (image === undefined) throw new Refusal("executor.image-missing", `The plan has no ${spec.image} image.`);
  return await launch(docker, { runDir, spec, image, network_mode, user: options.user }, options.env);
}

function keeperOf(stem: string, container_id: string, { main, env, user }: DockerOptions): KeeperWish {
  return { kind: "container", stem, main, env, wish: { container_id, user } };
}

function containerIdOf(record: JobRecord): string {
  const id = record.handle?.container_id;
  if (typeof id !== "string") throw new Error(`record ${record.spec.id} names no container`);
  return id;
}
