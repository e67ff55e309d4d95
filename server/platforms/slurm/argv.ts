import type { JobSpec } from "../../run/job.ts";
import { shellArguments } from "../shell-job.ts";
import { minutesOf, type SlurmSettings } from "./settings.ts";

/** Everything that one batch job is made of. */
export type BatchWish = {
  readonly name: string;
  readonly stem: string;
  readonly script: string;
  readonly directory: string;
  readonly spec: JobSpec;
  readonly settings: SlurmSettings;
  /** GPUs of a job that takes all. */
  readonly gpus: number;
  /** The program as a node starts it. */
  readonly argv: readonly string[];
};

/** GPUs of a job, undefined for one that takes none at all; its own time limit. */
type Needs = { readonly gpus: number | undefined; readonly limitSec?: number | undefined };

/** What a job of a plan asks of the scheduler. */
export function resourceOptions(settings: SlurmSettings, { gpus, limitSec }: Needs): string[] {
  const { partition, account, qos, cpus, memory } = settings;
  const gres = gpus === undefined ? undefined : (settings.gres ?? (gpus > 0 ? `gpu:${gpus}` : undefined));
  // The job holds itself to its own limit; what it asks of SLURM leaves it time to say so.
  const own = limitSec === undefined ? Number.POSITIVE_INFINITY : Math.ceil(limitSec / 60) + 10;
  const time = own < minutesOf(settings.time) ? own : settings.time;
  const named = { partition, account, qos, time, "cpus-per-task": cpus, mem: memory, gres };
  return Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
}

/**
 * The arguments of `sbatch` for one job. It is never requeued, since a second run of a job is a new record's, and no
 * variable of this server goes along: what `--export` passes stays readable in the controller's state.
 */
export function batchArguments(wish: BatchWish): string[] {
  const { name, stem, script, directory, spec, settings } = wish;
  return [
    ...["--parsable", "--no-requeue", "--export=NONE", "--open-mode=append"],
    `--job-name=${name}`,
    `--chdir=${directory}`,
    // The script opens its log itself: SLURM replaces and drops signs in such a path.
    "--output=/dev/null",
    ...resourceOptions(settings, {
      gpus: spec.gpus === "all" ? wish.gpus : undefined,
      limitSec: spec.time_limit_sec,
    }),
    script,
    ...shellArguments(stem, spec, "", wish.argv),
  ];
}
