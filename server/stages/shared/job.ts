import { join } from "node:path";
import { isInside } from "../../fs/contained.ts";
import type { StageContext } from "../../ports/stage.ts";
import { defined } from "../../run/defined.ts";
import type { ImageKey, JobSpec } from "../../run/job.ts";
import type { StageName } from "../../run/labels.ts";
import type { RunConfig } from "../../run/state.ts";

/** What a stage says about one of its jobs; the rules of the image add the rest. */
export type JobWish = {
  readonly name: string;
  readonly image: ImageKey;
  readonly argv: readonly string[];
  readonly workdir: string;
  readonly log_path: string;
  readonly status_path?: string;
  readonly progress?: JobSpec["progress"];
  /** Inputs that may lie outside the workspace; mounted read-only at their own path. */
  readonly reads?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

type Mount = JobSpec["mounts"][number];

const offline = { HF_HUB_OFFLINE: "1", TRANSFORMERS_OFFLINE: "1" };

/** torch asks the password database for the user's name; these answer for a user id that it does not know. */
const strangerUser = { USER: "deft", LOGNAME: "deft", HOME: "/tmp" };

const cacheVariables = [
  "XDG_CACHE_HOME",
  "HF_HOME",
  "TORCH_HOME",
  "TRITON_CACHE_DIR",
  "TORCHINDUCTOR_CACHE_DIR",
  "MPLCONFIGDIR",
];

type ImageRules = Pick<JobSpec, "user" | "ipc_host" | "shm_size" | "env"> & { mounts(config: RunConfig): Mount[] };

/** User, shared memory and constant environment by image (tao-stages 2.1 and 2.7). */
const imageRules: Readonly<Record<ImageKey, ImageRules>> = {
  tao_pyt: {
    user: "host",
    ipc_host: false,
    shm_size: "8g",
    env: {
      ...strangerUser,
      ...Object.fromEntries(cacheVariables.map((name) => [name, `/tmp/.cache/${name.toLowerCase()}`])),
      ...offline,
    },
    mounts: () => [],
  },
  tao_ds: { user: "root", ipc_host: true, env: {}, mounts: () => [] },
  anomalygen: {
    user: "host",
    ipc_host: false,
    shm_size: "16g",
    env: { ...strangerUser, ...offline, PYTHONPATH: "/workspace/paidf-anomalygen" },
    mounts: (config) => [
      readOnly("/etc/passwd"),
      readOnly("/etc/group"),
      {
        source: join(config.workspace, "augmentation", "anomalygen", "base_checkpoints"),
        target: "/workspace/paidf-anomalygen/checkpoints",
        readonly: true,
      },
    ],
  },
};

/** One job of a stage with the mounts, user, shared memory and environment that its image needs. */
export function stageJob(context: StageContext, stage: StageName, wish: JobWish): JobSpec {
  const { config } = context.state;
  const rules = imageRules[wish.image];
  return {
    id: `${context.iteration}-${stage}-${context.attempt}-${wish.name}`,
    image: wish.image,
    argv: [...wish.argv],
    mounts: [...workspaceMounts(config, wish.reads ?? []), ...rules.mounts(config)],
    env: { ...rules.env, ...wish.env },
    env_names: [],
    workdir: wish.workdir,
    gpus: "all",
    ...defined({ shm_size: rules.shm_size }),
    ipc_host: rules.ipc_host,
    user: rules.user,
    log_path: wish.log_path,
    ...defined({ status_path: wish.status_path, progress: wish.progress, time_limit_sec: config.stage_time_limit_sec }),
  };
}

/** Environment of a job that must not reach a model hub because its model lies on disk. */
export const offlineEnv: Readonly<Record<string, string>> = offline;

/** The workspace at its own path, and what a job reads outside of it. */
function workspaceMounts(config: RunConfig, reads: readonly string[]): Mount[] {
  const outside = [config.images_dir, ...reads].filter((path) => path !== "" && !isInside(config.workspace, path));
  return [
    { source: config.workspace, target: config.workspace, readonly: false },
    ...[...new Set(outside)].map((path) => readOnly(path)),
  ];
}

function readOnly(path: string): Mount {
  return { source: path, target: path, readonly: true };
}
