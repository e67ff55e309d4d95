import { basename } from "node:path";
import { Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
import { canonicalJson, sha256 } from "../../fs/hash.ts";
import type { JobSpec } from "../../run/job.ts";
import type { NetworkMode } from "../../run/labels.ts";
import { workspacePaths } from "../../run/paths.ts";
import { jobCommand } from "../command.ts";

/** Ids of the person that the server runs as; what a job writes belongs to them. */
export type HostUser = { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };

/** The person that this process runs as. */
export function hostUser(): HostUser {
  const { getuid, getgid, getgroups } = process;
  return { uid: getuid?.() ?? 0, gid: getgid?.() ?? 0, groups: getgroups?.() ?? [] };
}

/** Everything that one container is made of. */
export type ContainerWish = {
  readonly runDir: string;
  readonly spec: JobSpec;
  /** What was approved, by its content: a tag that moves later changes nothing. */
  readonly image: { readonly uri: string; readonly id: string };
  readonly network_mode: NetworkMode;
  readonly user: HostUser;
};

/** Label names by which a container is found again. */
export const labelNames = {
  run: "deft-mcp.run",
  iteration: "deft-mcp.iteration",
  stage: "deft-mcp.stage",
  attempt: "deft-mcp.attempt",
  job: "deft-mcp.job",
  spec: "deft-mcp.spec",
  image: "deft-mcp.image",
} as const;

/** Bounds what Docker itself keeps of a job's output; the log file of the job is bounded apart from it. */
const logBounds = ["--log-driver", "json-file", "--log-opt", "max-size=20m", "--log-opt", "max-file=5"];

const processLimit = 8192;

/** No capability, and none to be had. */
export const confined: readonly string[] = ["--security-opt", "no-new-privileges", "--cap-drop", "ALL"];

/** Where the generator's programs expect to be started (tao-stages 2.7, container constants). */
const generatorHome = "/workspace/paidf-anomalygen";

/** The name of a job's container: the same in every process, different in every run directory. */
export function containerName(runDir: string, jobId: string): string {
  return `deft-${basename(runDir)}-${jobId}-${sha256(runDir).slice(0, 8)}`;
}

/** The labels of a job's container. */
export function containerLabels({ runDir, spec, image }: Pick<ContainerWish, "runDir" | "spec" | "image">) {
  const [, iteration = "", stage = "", attempt = ""] = /^([a-z0-9]+)-([a-z_]+)-(\d+)-/.exec(spec.id) ?? [];
  return {
    [labelNames.run]: runDir,
    [labelNames.iteration]: iteration,
    [labelNames.stage]: stage,
    [labelNames.attempt]: attempt,
    [labelNames.job]: spec.id,
    [labelNames.spec]: specDigest(spec),
    [labelNames.image]: image.uri,
  };
}

/** Tells two jobs of one id apart. */
export function specDigest(spec: JobSpec): string {
  return sha256(canonicalJson(spec)).slice(0, 16);
}

/**
 * The arguments of `docker run` for one job (tao-stages 2.1): detached, never pulled, bounded, with the user rule of
 * its image, the least power that it needs, and no secret.
 *
 * @throws Refusal `executor.bad-path` for a path that an entry point or a mount would split.
 */
export function runArguments(wish: ContainerWish): string[] {
  const { spec, image } = wish;
  refuseSplitPaths(spec);
  const airgapped = wish.network_mode === "airgap";
  const command = jobCommand(spec, { kind: "image" }, { airgapped, env: {} });
  const labels = Object.entries(containerLabels(wish)).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  return [
    "run",
    "--detach",
    "--pull=never",
    "--name",
    containerName(wish.runDir, spec.id),
    ...labels,
    ...logBounds,
    ...userArguments(wish),
    ...networkArguments(wish),
    ...resourceArguments(spec),
    ...mountsOf(wish).flatMap(mountArguments),
    ...Object.entries(command.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...spec.env_names.flatMap((name) => ["--env", name]),
    "--workdir",
    spec.image === "anomalygen" ? generatorHome : spec.workdir,
    image.id,
    ...command.argv,
  ];
}

/**
 * The user rule of 2.1: a job of `host` runs with the server's ids and without any capability; a job of `root` runs as
 * the image's root with what it takes to write into directories of the host user, and nothing more.
 */
function userArguments({ spec, user }: ContainerWish): string[] {
  if (spec.user === "root") {
    return ["--user", "0:0", ...confined, "--cap-add", "DAC_OVERRIDE", "--cap-add", "FOWNER", "--cap-add", "CHOWN"];
  }
  const groups = user.groups.filter((group) => group !== user.gid).flatMap((group) => ["--group-add", String(group)]);
  return ["--user", `${user.uid}:${user.gid}`, ...groups, ...confined];
}

/** A job whose models are on disk gets no network at all; its own name then still resolves, for its launcher. */
function networkArguments({ spec, network_mode }: ContainerWish): string[] {
  const offline = network_mode === "airgap" || spec.env.HF_HUB_OFFLINE === "1";
  return offline ? ["--network", "none", "--hostname", "deft-job", "--add-host", "deft-job:127.0.0.1"] : [];
}

function resourceArguments(spec: JobSpec): string[] {
  return [
    "--pids-limit",
    String(processLimit),
    ...(spec.gpus === "all" ? ["--gpus", "all"] : []),
    ...(spec.ipc_host ? ["--ipc", "host"] : []),
    // With the host's IPC the size of /dev/shm is the host's, and Docker ignores ours without a word.
    ...(spec.shm_size === undefined || spec.ipc_host ? [] : ["--shm-size", spec.shm_size]),
  ];
}

/**
 * The mounts of a job with its inputs read-only: of the workspace only the run can be written, and by the generator's
 * programs also their own assets, where they keep what they prepare.
 */
export function mountsOf({ spec, runDir }: Pick<ContainerWish, "spec" | "runDir">): JobSpec["mounts"] {
  return spec.mounts.flatMap((mount) => {
    const { source, target } = mount;
    if (mount.readonly || source !== target || !isInside(source, runDir) || source === runDir) return [mount];
    const parts = spec.image === "anomalygen" ? [runDir, workspacePaths(source).anomalygen] : [runDir];
    return [{ ...mount, readonly: true }, ...parts.map((path) => ({ source: path, target: path, readonly: false }))];
  });
}

/** `--mount` refuses a source that does not exist; `--volume` would create it, as root. */
function mountArguments({ source, target, readonly }: JobSpec["mounts"][number]): string[] {
  return ["--mount", `type=bind,source=${source},target=${target}${readonly ? ",readonly" : ""}`];
}

/** Entry points split their arguments like a shell, and `--mount` splits at commas: such paths are refused here. */
function refuseSplitPaths(spec: JobSpec): void {
  const mounted = spec.mounts.flatMap(({ source, target }) => [source, target]);
  const words = spec.image === "anomalygen" ? [] : spec.argv;
  const bad =
    [spec.workdir, ...mounted, ...words].find((word) => /[\s$"'`\\]/.test(word)) ??
    mounted.find((path) => path.includes(","));
  if (bad === undefined) return;
  throw new Refusal("executor.bad-path", "A container entry point cannot take this path.", { job: spec.id, path: bad });
}
