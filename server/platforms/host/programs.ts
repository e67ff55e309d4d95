import { bareEnv } from "../../exec/program-env.ts";
import type { Env } from "../../run/env.ts";
import type { JobSpec } from "../../run/job.ts";
import { type Command, jobCommand, type ProgramSource } from "../command.ts";
import type { HostSettings } from "./settings.ts";

/** What a site tells its drivers and its collectives; everything else that could change what runs stays out. */
const ofTheSite =
  /^(?:LD_LIBRARY_PATH|CUDA_\w+|NVIDIA_\w+|NCCL_\w+|(?:OMPI|PRTE|PMIX)_MCA_\w+|OMP_NUM_THREADS|XDG_CACHE_HOME)$/;

/**
 * The environment of a job before its own variables: nothing of WORLD_SIZE, JOB_ID, PYTHONPATH and the like, which TAO
 * and Python read.
 */
export function hostEnv(env: Env): NodeJS.ProcessEnv {
  return { ...bareEnv(env), ...Object.fromEntries(Object.entries(env).filter(([name]) => ofTheSite.test(name))) };
}

/** A value that only processes of this job carry, by which those that it leaves behind are found. */
export const jobMark = "DEFT_JOB";

/** The command of a job on this host. */
export function hostCommand(
  spec: JobSpec,
  settings: HostSettings,
  run: { main: string; stem: string; airgapped: boolean; env: Env },
): Command {
  const { argv, env } = jobCommand(spec, sourceOf(spec, settings, run.main), run);
  const gpus = settings.gpus === undefined ? {} : { CUDA_VISIBLE_DEVICES: String(settings.gpus) };
  return { argv, env: { ...env, ...gpus, [jobMark]: run.stem } };
}

function sourceOf(spec: JobSpec, settings: HostSettings, main: string): ProgramSource {
  const { venv, program, embedding = "tao", neighbors = "tao" } = settings;
  const whose = { embedding, tmm: neighbors }[spec.argv[0] ?? ""] ?? "tao";
  if (program === "engine" || whose === "engine" || venv === undefined) {
    return { kind: "engine", node: process.execPath, main };
  }
  return { kind: "venv", venv };
}
