import { isRemoteEndpoint } from "../../exec/docker-endpoint.ts";
import { freeBytes } from "../../fs/read.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Step } from "../survey.ts";

/** Published minimum (tao-stages 6.3). */
const oldestDocker = [20, 10] as const;
const skewLimitSec = 5;
const roomyBytes = 140e9;

/** The daemon that would run the containers: old enough, with a way to the GPU, and on our clock. Nothing is started. */
export const dockerHostStep: Step = {
  id: "docker",
  title: "Docker",
  async look({ executor, spec }): Promise<Findings> {
    if (executor?.survey === undefined) return {};
    const host = await executor.survey(spec && { path: spec.path, sha256: spec.sha256 });
    const { version, architecture, storage_driver, root_dir, live_restore, clock_skew_sec, endpoint } = host.daemon;
    const detail = `Docker ${version} on ${architecture}, ${storage_driver}, live-restore ${live_restore ? "on" : "off"}`;
    const warnings: string[] = [];
    if (!live_restore) {
      warnings.push("Docker runs without live-restore: a restart of the daemon ends the stage that runs then.");
    }
    if (Math.abs(clock_skew_sec) > skewLimitSec) {
      warnings.push(`The Docker host's clock differs by ${clock_skew_sec} s; evidence is judged by file times.`);
    }
    const isRemote = isRemoteEndpoint(endpoint);
    const { sees } = host.daemon;
    if (isRemote && sees?.state !== "same") {
      warnings.push(`The daemon ${endpoint} must see the workspace at the same path as this server.`);
    }
    if (process.getuid?.() === 0) {
      warnings.push("The server runs as root, so containers of the host user do as well.");
    }
    const free = isRemote ? undefined : await freeBytes(root_dir);
    const missing = Object.values(host.images).filter((image) => image.id === undefined).length;
    if (missing > 0 && free !== undefined && free < roomyBytes) {
      warnings.push(`${gigabytes(free)} free in ${root_dir}; ${missing} image(s) and models take up to 140 GB.`);
    }
    if (sees?.state === "absent" || sees?.state === "other") {
      const fix = "Mount the workspace on the daemon's host at the path that it has here (NFS or sshfs).";
      return { found: { host }, checks: [halt("executor.mount-missing", `${detail}; ${sees.detail}`, fix)], warnings };
    }
    if (sees?.state === "unknown") warnings.push(`${sees.detail}.`);
    if (!isOlder(version)) return ok(detail, { found: { host }, warnings });
    const fix = `Update Docker to ${oldestDocker.join(".")} or later.`;
    return { found: { host }, checks: [halt("executor.unavailable", detail, fix)], warnings };
  },
};

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < oldestDocker[0] || (major === oldestDocker[0] && minor < oldestDocker[1]);
}

/** `12 GB`, in thousands of millions of bytes. */
export function gigabytes(bytes: number): string {
  return `${Math.round(bytes / 1e8) / 10} GB`;
}
