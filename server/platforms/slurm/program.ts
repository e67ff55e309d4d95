import type { JobSpec } from "../../run/job.ts";
import { jobCommand } from "../command.ts";
import { readRunSettings } from "../run-settings.ts";
import { type SlurmSettings, slurmSettingsSchema } from "./settings.ts";

/** Variables by which Lightning and TAO take a job of one node for many, or SLURM for their launcher. */
const misread = [
  ...["SLURM_NTASKS", "SLURM_NNODES", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE", "SLURM_EXPORT_ENV"],
  ...["RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "NODE_RANK", "NUM_GPU_PER_NODE", "MASTER_ADDR", "MASTER_PORT"],
];

/** Texts for a node's shell; values are arguments. */
const texts = {
  venv: 'PATH=$1/bin:$PATH; export PATH; shift; exec "$@"',
  modules: 'n=$1; shift; while [ "$n" -gt 0 ]; do module load "$1" || exit 126; shift; n=$((n - 1)); done; exec "$@"',
};

/** What was approved for the jobs of a run, and the program of one of them as a node starts it. */
export async function approvedJob(runDir: string, spec: JobSpec, main: string) {
  const { settings, airgapped, gpus } = await readRunSettings(runDir, slurmSettingsSchema);
  return { settings, gpus, argv: programArguments(spec, settings, { main, airgapped }) };
}

/**
 * The program of a job as a node starts it. A job whose program is a shell looks at the node and is never rehearsed by
 * the embedded engine, which `main` is the bin of; the nodes see it at this path, and Node at this host's.
 */
export function programArguments(
  spec: JobSpec,
  settings: SlurmSettings,
  { main, airgapped }: { readonly main: string; readonly airgapped: boolean },
): string[] {
  const engine = settings.program === "engine";
  const { venv = "", modules } = settings;
  const image = imageOf(settings, spec.image);
  const inside = { kind: "image" } as const;
  const source = engine && spec.argv[0] !== "sh" ? { kind: "engine" as const, node: process.execPath, main } : inside;
  const bare = image === undefined && !engine;
  const { argv } = jobCommand(spec, source, { airgapped, env: {} });
  const { PATH: _here, ...env } = jobCommand(spec, bare ? { kind: "venv", venv } : source, { airgapped, env: {} }).env;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  if (engine) return ["env", ...variables, ...argv];
  const names = modules?.split(",") ?? [];
  return [
    ...(names.length === 0 ? [] : ["bash", "-lc", texts.modules, "modules", String(names.length), ...names]),
    ...["env", ...misread.flatMap((name) => ["-u", name]), "SLURM_JOB_NAME=bash", ...variables],
    ...(image === undefined ? [] : containerStart(image, spec)),
    ...(bare && venv !== "" ? ["sh", "-c", texts.venv, "venv", venv] : []),
    ...argv,
  ];
}

/** The image of a collection of programs; undefined where the nodes have them themselves. */
export function imageOf({ container, container_ds, container_anomalygen }: SlurmSettings, key: JobSpec["image"]) {
  return { tao_pyt: container, tao_ds: container_ds, anomalygen: container_anomalygen }[key];
}

/** pyxis takes the image as options of `srun`; inside, the paths are the host's. */
function containerStart(image: string, { mounts, workdir }: JobSpec): string[] {
  const places = mounts.map(({ source, target, readonly }) => `${source}:${target}${readonly ? ":ro" : ""}`);
  return [
    ...["srun", "--ntasks=1", "--export=ALL", `--container-image=${image}`, `--container-mounts=${places.join(",")}`],
    ...["--no-container-mount-home", `--container-workdir=${workdir}`],
  ];
}
