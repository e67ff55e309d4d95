import { delimiter, join } from "node:path";
import { z } from "zod";
import { excerpt, Refusal } from "../../errors.ts";
import { listGpus } from "../../exec/nvidia-smi.ts";
import { parseJson } from "../../fs/json.ts";
import { kindOf } from "../../fs/read.ts";
import type { PlatformFacts, Witness } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { isRecord } from "../../run/record.ts";
import { redact } from "../../run/redact.ts";
import { type Docker, podmanText } from "./cli.ts";
import { dockerFailure } from "./errors.ts";
import { lookAtImages } from "./images.ts";
import { gpusThere, seesThere, sshHost } from "./over-ssh.ts";

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
export async function surveyDocker(docker: Docker, env: NodeJS.ProcessEnv, witness?: Witness): Promise<PlatformFacts> {
  // Whether it is Docker at all comes before what it says of images.
  const daemon = await lookAtDaemon(docker, env);
  const host = sshHost(env.DOCKER_HOST);
  const list = host === undefined ? listGpus(env) : gpusThere(host, env);
  const sees = host === undefined || witness === undefined ? undefined : await seesThere(host, env, witness);
  const [images, gpus] = await Promise.all([lookAtImages(docker, env), list]);
  return { daemon: { ...daemon, ...defined({ sees }) }, images, ...defined({ gpus }) };
}

async function lookAtDaemon(docker: Docker, env: NodeJS.ProcessEnv): Promise<PlatformFacts["daemon"]> {
  const answer = await docker.run(["info", "--format", "{{json .}}"]);
  if (answer.code !== 0) throw dockerFailure("docker info", answer.stderr);
  const info = infoOf(answer.stdout);
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

/** @throws Refusal `executor.unavailable` when something else than Docker answers to its name. */
function infoOf(text: string): z.output<typeof infoSchema> {
  const answer = jsonOf(text);
  const parsed = infoSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const said = excerpt(redact(text.trim()), 300);
  // podman tells of its store where Docker tells of its daemon.
  if (isRecord(answer) && isRecord(answer.host) && isRecord(answer.store)) {
    throw new Refusal("executor.unavailable", podmanText, { cause: "podman", said });
  }
  const missing = parsed.error.issues.slice(0, 5).map((issue) => issue.path.join("."));
  const message = "The docker command does not answer like Docker: another program stands behind it, or no daemon.";
  throw new Refusal("executor.unavailable", message, { cause: "not-docker", missing, said });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

async function onPath(env: NodeJS.ProcessEnv, names: readonly string[]): Promise<boolean> {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    for (const name of names) if ((await kindOf(join(folder, name))) === "file") return true;
  }
  return false;
}
