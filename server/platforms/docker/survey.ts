import { delimiter, join } from "node:path";
import { z } from "zod";
import { listGpus } from "../../exec/nvidia-smi.ts";
import { parseJson } from "../../fs/json.ts";
import { kindOf } from "../../fs/read.ts";
import type { PlatformFacts } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import type { Docker } from "./cli.ts";
import { dockerFailure } from "./errors.ts";
import { lookAtImages } from "./images.ts";

const infoSchema = z.object({
  ServerVersion: z.string(),
  Architecture: z.string(),
  Driver: z.string(),
  DockerRootDir: z.string(),
  LiveRestoreEnabled: z.boolean().optional(),
  SystemTime: z.string(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  DiscoveredDevices: z.array(z.unknown()).nullish(),
});

/** Version of the daemon in one line. @throws Refusal `executor.unavailable`. */
export async function daemonLine(docker: Docker): Promise<string> {
  const answer = await docker.run(["version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"]);
  if (answer.code !== 0) throw dockerFailure("docker version", answer.stderr);
  return `Docker ${answer.stdout.trim()}`;
}

/** Everything about the daemon, the images and the GPUs that can be read without starting a container. */
export async function surveyDocker(docker: Docker, env: NodeJS.ProcessEnv): Promise<PlatformFacts> {
  const [daemon, images, gpus] = await Promise.all([
    lookAtDaemon(docker, env),
    lookAtImages(docker, env),
    listGpus(env),
  ]);
  return { daemon, images, ...defined({ gpus }) };
}

async function lookAtDaemon(docker: Docker, env: NodeJS.ProcessEnv): Promise<PlatformFacts["daemon"]> {
  const answer = await docker.run(["info", "--format", "{{json .}}"]);
  if (answer.code !== 0) throw dockerFailure("docker info", answer.stderr);
  const info = infoSchema.parse(parseJson(answer.stdout));
  const known = "nvidia" in (info.Runtimes ?? {}) || (info.DiscoveredDevices ?? []).length > 0;
  return {
    version: info.ServerVersion,
    architecture: info.Architecture,
    storage_driver: info.Driver,
    root_dir: info.DockerRootDir,
    live_restore: info.LiveRestoreEnabled === true,
    clock_skew_sec: Math.round((Date.parse(info.SystemTime) - Date.now()) / 1000),
    nvidia: known || (await onPath(env, ["nvidia-container-runtime-hook", "nvidia-ctk"])),
    endpoint: env.DOCKER_HOST ?? "default",
  };
}

async function onPath(env: NodeJS.ProcessEnv, names: readonly string[]): Promise<boolean> {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    for (const name of names) if ((await kindOf(join(folder, name))) === "file") return true;
  }
  return false;
}
