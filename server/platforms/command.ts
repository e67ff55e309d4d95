import { delimiter, join } from "node:path";
import type { Env } from "../run/env.ts";
import type { JobSpec } from "../run/job.ts";

/** Where the programs of a job come from. */
export type ProgramSource =
  /** The embedded engine: this program, by the Node and the bin that are given. */
  | { readonly kind: "engine"; readonly node: string; readonly main: string }
  /** NVIDIA's console scripts in a Python environment. */
  | { readonly kind: "venv"; readonly venv: string }
  /** NVIDIA's programs inside an image, where they are on PATH. */
  | { readonly kind: "image" };

/** What is started for a job, and what its environment gets beyond what the platform gives to every job. */
export type Command = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** Variables that keep a program from reaching out (tao-stages 6.5). */
const airgapEnv: Readonly<Record<string, string>> = {
  AIR_GAPPED: "1",
  HF_HUB_OFFLINE: "1",
  TRANSFORMERS_OFFLINE: "1",
  PIP_NO_INDEX: "1",
};

/**
 * The command of a job.
 *
 * @param env of the platform, whose PATH a Python environment goes before: TAO's entry points start `python` by name.
 */
export function jobCommand(spec: JobSpec, source: ProgramSource, options: { airgapped: boolean; env: Env }): Command {
  const more = options.airgapped ? airgapEnv : {};
  if (source.kind === "engine") {
    return { argv: [source.node, source.main, "engine", ...spec.argv], env: { ...spec.env, ...more } };
  }
  if (source.kind === "image") return { argv: imageArguments(spec), env: { ...spec.env, ...more } };
  const [program = "", ...args] = spec.argv;
  const bin = join(source.venv, "bin");
  const path = [bin, ...(options.env.PATH ? [options.env.PATH] : [])].join(delimiter);
  const own = { PATH: path, VIRTUAL_ENV: source.venv, PYTHONNOUSERSITE: "1", PYTHONUNBUFFERED: "1" };
  return { argv: [join(bin, program), ...args], env: { ...outsideContainers(spec.env), ...own, ...more } };
}

/**
 * The program of a job in its image. The generator's scripts lie where a variable of the image says, which only a shell
 * inside can read: the shell text is a constant, every value is positional.
 */
function imageArguments(spec: JobSpec): string[] {
  const [program = "", ...args] = spec.argv;
  if (spec.image !== "anomalygen" || !/^[a-z_]+\.sh$/.test(program)) return [...spec.argv];
  return ["bash", "-lc", `exec "$ANOMALYGEN_SCRIPTS/${program}" "$@"`, program, ...args];
}

/** A user without a name, a home in /tmp and paths of an image mean something inside a container alone. */
function outsideContainers(env: JobSpec["env"]): Record<string, string> {
  const inside = ["USER", "LOGNAME", "HOME", "PYTHONPATH"];
  const kept = Object.entries(env).filter(([name, value]) => !inside.includes(name) && !value.startsWith("/tmp/"));
  return Object.fromEntries(kept);
}
