import { Refusal } from "../../errors.ts";
import { type Gpu, gpuQuery, gpusIn } from "../../exec/nvidia-smi.ts";
import type { PlatformFacts, Witness } from "../../ports/executor.ts";
import type { Env } from "../../run/env.ts";
import { redactedExcerpt } from "../../run/redact.ts";
import { type SshHost, sshCommand } from "./cli.ts";

/** The host behind `DOCKER_HOST=ssh://[USER@]HOST[:PORT]`, taken apart as Docker's own client does; undefined elsewhere. */
export function sshHost(endpoint: string | undefined): SshHost | undefined {
  if (endpoint === undefined || !endpoint.startsWith("ssh://")) return undefined;
  const [, user, host, port] = /^ssh:\/\/(?:([^@/]+)@)?([^:/]+|\[[^\]]+\])(?::(\d+))?\/?$/.exec(endpoint) ?? [];
  if (host !== undefined && !/^-/.test(host) && !/^-/.test(user ?? "")) return { user, host, port };
  throw new Refusal("executor.unavailable", "DOCKER_HOST is no ssh://[USER@]HOST[:PORT].", { cause: "bad-endpoint" });
}

/** The shell of the other host reads a path as one word without any quoting. */
const plainPath = /^[\w@%+=:,./-]+$/;

/**
 * Whether the daemon's host has a file at the same path with the same content: containers there mount that host's folders,
 * whatever lies at the path here. Reads only.
 */
export async function seesThere(
  host: SshHost,
  env: Env,
  { path, sha256 }: Witness,
): Promise<NonNullable<PlatformFacts["daemon"]["sees"]>> {
  if (!plainPath.test(path)) return { state: "unknown", detail: `${path} cannot be asked for over ssh` };
  const answer = await sshCommand(host, env, `sha256sum -- ${path}`);
  const digest = /^([0-9a-f]{64})\s/.exec(answer.stdout)?.[1];
  if (digest !== undefined) {
    const same = digest === sha256;
    return {
      state: same ? "same" : "other",
      detail: `${path} on ${host.host} is ${same ? "the same" : "another"} file`,
    };
  }
  if (/No such file/i.test(answer.stderr)) return { state: "absent", detail: `${host.host} has no ${path}` };
  const said = redactedExcerpt(answer.stderr.trim(), 200);
  return { state: "unknown", detail: `${host.host} does not say whether it has ${path}: ${said}` };
}

/** The GPUs of the daemon's host. */
export async function gpusThere(host: SshHost, env: Env): Promise<Gpu[] | undefined> {
  const { code, stdout } = await sshCommand(host, env, `nvidia-smi ${gpuQuery.join(" ")}`);
  return code === 0 ? gpusIn(stdout) : undefined;
}
