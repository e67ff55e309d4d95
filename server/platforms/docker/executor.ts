import { dirname, join } from "node:path";
import { Refusal } from "../../errors.ts";
import { spawnDetached } from "../../exec/detached.ts";
import { type Docker, dockerCli } from "../../exec/docker-cli.ts";
import { notedOutput } from "../../exec/job-output.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { readAsIfPresent } from "../../fs/json.ts";
import { fileFacts } from "../../fs/read.ts";
import type { Executor } from "../../ports/executor.ts";
import { type JobExit, type JobRecord, type JobSpec, jobRecordSchema } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { type HostUser, labelNames } from "./argv.ts";
import { type Container, findContainer, hasEnded, labelledContainers } from "./containers.ts";
import { followOnce } from "./follower.ts";
import { containerIdOf, isKept, jobFiles, keeperBegins, noteEnd, stopContainer } from "./keeper.ts";
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
    survey: () => surveyDocker(docker, env),
    makeReady: (runDir) => makeReady(runDir, { main, env }),

    async start(runDir, spec) {
      await sweep(docker, runDir);
      const container = (await adopt(docker, runDir, spec)) ?? (await launchApproved(docker, runDir, spec, options));
      const handle = { container_id: container.id, container_name: container.name };
      await spawnKeeper(runDir, spec.id, container, options);
      return { ...handle, image: container.labels[labelNames.image] ?? "" };
    },

    async poll(runDir, record) {
      const container = await findContainer(docker, containerIdOf(record));
      if (container === undefined) return { state: "ended", exit: await vanished(runDir, record) };
      if (!hasEnded(container)) {
        if (!(await isKept(runDir, record.spec.id))) await spawnKeeper(runDir, record.spec.id, container, options);
        return { state: "running" };
      }
      const { spec } = record;
      const files = jobFiles(runDir, spec.id);
      if ((await notedOutput(files.record)) === undefined) {
        if (await isKept(runDir, spec.id)) return { state: "running" };
        await followOnce({
          env,
          containerId: container.id,
          logPath: spec.log_path,
          positionPath: files.followed,
          last: true,
        });
        await noteEnd(docker, { runDir, spec, user: options.user, env }, true);
      }
      const { detail } = (await notedOutput(files.record)) ?? {};
      const exit = await exitOf(runDir, record, container);
      return { state: "ended", exit: detail === undefined ? exit : { ...exit, detail } };
    },

    async cancel(runDir, record, graceSec) {
      await writeAtomic(jobFiles(runDir, record.spec.id).cancel, "");
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
    const record = await readAsIfPresent(
      jobFiles(runDir, container.labels[labelNames.job] ?? "").record,
      jobRecordSchema,
    );
    if (hasEnded(container) && record?.exit !== undefined) await docker.run(["rm", container.id]);
  }
}

async function launchApproved(docker: Docker, runDir: string, spec: JobSpec, options: DockerOptions) {
  const { images, network_mode } = await readReady(runDir);
  const image = images[spec.image];
  if (image === undefined) throw new Refusal("executor.image-missing", `The plan has no ${spec.image} image.`);
  return await launch(docker, { runDir, spec, image, network_mode, user: options.user }, options.env);
}

/** Starts the process that follows and bounds the job; it outlives this one. */
async function spawnKeeper(runDir: string, jobId: string, { id }: Container, { main, env, user }: DockerOptions) {
  const argv = [process.execPath, main, "docker-keeper", runDir, jobId, id, `${user.uid}:${user.gid}`];
  spawnDetached(argv, { cwd: dirname(main), env, logPath: join(runPaths(runDir).jobs, "keeper.log") });
  await keeperBegins(runDir, jobId);
}

async function exitOf(runDir: string, record: JobRecord, container: Container): Promise<JobExit> {
  const files = jobFiles(runDir, record.spec.id);
  const asked = (path: string) => fileFacts(path).then((facts) => facts !== undefined);
  const { exit_code } = container;
  const times = { started_at: container.started_at, ended_at: container.finished_at };
  if (container.oom_killed && exit_code !== 0) {
    return { outcome: "oom", exit_code, ...times, detail: "the kernel killed it for memory" };
  }
  if (exit_code !== 0 && (await asked(files.timeout))) return { outcome: "timeout", exit_code, ...times };
  if (exit_code !== 0 && (await asked(files.cancel))) return { outcome: "cancelled", exit_code, ...times };
  const signal = { 137: "SIGKILL", 143: "SIGTERM" }[exit_code];
  if (signal !== undefined) {
    const detail = "stopped from outside: docker stop, docker kill, or a daemon that restarted without live-restore";
    return { outcome: "killed", exit_code, signal, ...times, detail };
  }
  const detail = container.error === "" ? {} : { detail: container.error };
  return { outcome: "exited", exit_code, ...times, ...detail };
}

async function vanished(runDir: string, record: JobRecord): Promise<JobExit> {
  const cancelled = (await fileFacts(jobFiles(runDir, record.spec.id).cancel)) !== undefined;
  const detail = `the container ${containerIdOf(record).slice(0, 12)} no longer exists`;
  return { outcome: cancelled ? "cancelled" : "lost", detail };
}
