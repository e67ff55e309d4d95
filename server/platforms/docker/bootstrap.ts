import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../../errors.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { readTail } from "../../fs/read.ts";
import type { JobSpec } from "../../run/job.ts";
import { runPaths, workspacePaths } from "../../run/paths.ts";
import { hostUser } from "./argv.ts";
import { dockerCli } from "./cli.ts";
import { findContainer, hasEnded } from "./containers.ts";
import { followOnce } from "./follow.ts";
import type { FixContext, Fixed } from "./readiness.ts";
import { adopt, launch } from "./start.ts";

/** What a plan says about assets that the generator's own programs fetch (tao-stages 2.7, Bootstrap). */
export const generatorAssets = {
  base_models: "hf://nvidia/Cosmos-Predict2-2B",
  dataset: "hf://nvidia/Cosmos-AnomalyGen-PCB-Dataset",
  checkpoint: "hf://nvidia/Cosmos-AnomalyGen-PCB-2B",
} as const;

export type Bootstrap = {
  readonly runDir: string;
  readonly workspace: string;
  readonly project: string;
  readonly fetch: readonly string[];
};

/**
 * The one-time downloads of the generator as jobs, only those that the plan names. They alone get the network, the
 * token by name, and the model cache writable.
 */
export function bootstrapJobs({ runDir, workspace, project, fetch }: Bootstrap): JobSpec[] {
  const { anomalygen } = workspacePaths(workspace);
  const checkpoint = join(anomalygen, "checkpoints", project);
  const programs: Readonly<Record<keyof typeof generatorAssets, readonly string[]>> = {
    base_models: ["download_checkpoints.sh", "--model-sizes", "2B"],
    dataset: ["python3", "-m", "scripts.utilities.prepare_dataset_uc1", join(anomalygen, "datasets", project)],
    checkpoint: [
      ...["bash", "scripts/utilities/download_anomalygen_checkpoints.sh"],
      ...["--uc", "pcb", "--checkpoint-dir", checkpoint],
    ],
  };
  const names = (["base_models", "dataset", "checkpoint"] as const).filter((name) =>
    fetch.includes(generatorAssets[name]),
  );
  return names.map((name) => ({
    id: `bootstrap-${name}`,
    image: "anomalygen",
    argv: [...programs[name]],
    mounts: [
      { source: workspace, target: workspace, readonly: false },
      { source: "/etc/passwd", target: "/etc/passwd", readonly: true },
      { source: "/etc/group", target: "/etc/group", readonly: true },
      {
        source: join(anomalygen, "base_checkpoints"),
        target: "/workspace/paidf-anomalygen/checkpoints",
        readonly: false,
      },
    ],
    env: {
      HOME: "/tmp",
      USER: "deft",
      LOGNAME: "deft",
      HF_HUB_DISABLE_XET: "1",
      PYTHONPATH: "/workspace/paidf-anomalygen",
    },
    env_names: ["HF_TOKEN"],
    workdir: anomalygen,
    gpus: "all",
    shm_size: "16g",
    ipc_host: false,
    user: "host",
    log_path: join(runPaths(runDir).jobs, `bootstrap-${name}.log`),
  }));
}

/** Runs the downloads one after another, each to its end; one that a dead process left running is gone on with. */
export async function bootstrapGenerator(
  context: FixContext,
  runToEnd: (context: FixContext, job: JobSpec) => Promise<void>,
): Promise<Fixed> {
  const { state, runDir, ready } = context;
  const generator = state.plan.inputs.generator ?? {};
  const fetch = Array.isArray(generator.fetch) ? generator.fetch.map(String) : [];
  const project = String(generator.project ?? (state.config.anomalygen.project || "nvpcb"));
  const jobs = bootstrapJobs({ runDir, workspace: state.config.workspace, project, fetch });
  if (jobs.length > 0 && ready.network_mode === "airgap") {
    throw new Refusal("network.forbidden", "An air-gapped run fetches nothing.", { missing: fetch });
  }
  const { anomalygen } = workspacePaths(state.config.workspace);
  for (const name of ["checkpoints", "datasets"])
    if (jobs.length > 0) await makeDirectory(join(anomalygen, name, project));
  for (const job of jobs) {
    await context.say(`running ${job.id}`);
    await runToEnd(context, job);
  }
  return { blockers: jobs.map((job) => `${job.id.replace("bootstrap-", "generator ")} missing`) };
}

/** Runs one such job as a container. */
export async function runToEnd({ runDir, env, ready }: FixContext, spec: JobSpec): Promise<void> {
  const image = ready.images[spec.image];
  if (image === undefined) throw new Refusal("executor.image-missing", `${spec.id} has no image.`, { job: spec.id });
  const docker = dockerCli(env);
  const wish = { runDir, spec, image, network_mode: ready.network_mode, user: hostUser() };
  const started = (await adopt(docker, runDir, spec)) ?? (await launch(docker, wish, env));
  const positionPath = join(runPaths(runDir).jobs, `${spec.id}.followed.json`);
  for (;;) {
    const container = await findContainer(docker, started.id);
    if (container === undefined) throw new Refusal("executor.not-ready", `${spec.id} vanished.`, { job: spec.id });
    const last = hasEnded(container);
    await followOnce({ env, containerId: container.id, logPath: spec.log_path, positionPath, last });
    if (!last) {
      await sleep(200);
      continue;
    }
    await docker.run(["rm", container.id]);
    if (container.exit_code === 0) return;
    const end = (await readTail(spec.log_path, 2000))
      .trim()
      .split(/[\r\n]+/)
      .slice(-3);
    const facts = { job: spec.id, exit_code: container.exit_code, log_path: spec.log_path, end };
    throw new Refusal("executor.not-ready", `${spec.id} ended with exit code ${container.exit_code}.`, facts);
  }
}
