import { excerpt, Refusal, type RefusalCode } from "../../errors.ts";

/** What the daemon answers when a container cannot be made or started, and what it means (tao-stages 2.1, 6.2). */
const table: readonly (readonly [RegExp, RefusalCode, string])[] = [
  [
    /could not select device driver/i,
    "executor.gpu-unavailable",
    "Docker has no NVIDIA runtime: install the NVIDIA container toolkit and restart Docker",
  ],
  [
    /nvidia-container-cli|nvml error|libnvidia-ml|failed to inject CDI devices|unresolvable CDI devices/i,
    "executor.gpu-unavailable",
    "the NVIDIA runtime cannot reach the driver: check nvidia-smi on the host",
  ],
  [/the container name .* is already in use/i, "executor.name-taken", "another container has the name"],
  [
    /bind source path does not exist|mount source path|invalid mount config/i,
    "executor.mount-missing",
    "a mount source is missing",
  ],
  [
    /exec format error|does not match the (?:specified|detected) (?:host )?platform|no matching manifest for/i,
    "executor.architecture",
    "the image is built for another architecture",
  ],
  [
    /executable file not found|no such file or directory: unknown|OCI runtime create failed.*exec/i,
    "executor.bad-image",
    "the image lacks the program",
  ],
  [/no space left on device|disk quota exceeded/i, "executor.disk-full", "the Docker host has no space left"],
  [
    /no such image|unable to find image|manifest (?:for .* not found|unknown)|repository does not exist|not found: manifest/i,
    "executor.image-missing",
    "the image is not on this host or in the registry",
  ],
  [
    /unauthorized|access to the resource is denied|denied: |authentication required|no basic auth credentials/i,
    "executor.registry",
    "the registry refused the credentials",
  ],
  [
    /lookup .*: no such host|i\/o timeout|TLS handshake|server misbehaving|connection refused|network is unreachable|toomanyrequests|dial tcp/i,
    "executor.registry",
    "the registry cannot be reached",
  ],
  [
    /cannot start a container that has run out of memory|cannot allocate memory/i,
    "executor.unavailable",
    "the Docker host is out of memory",
  ],
];

/** The refusal for a docker command that failed: coded when its message is known, else `executor.unavailable`. */
export function dockerFailure(what: string, stderr: string, facts: Record<string, unknown> = {}): Refusal {
  const message = daemonText(stderr);
  const known = table.find(([symptom]) => symptom.test(message));
  const [code, cause] =
    known === undefined ? (["executor.unavailable", "docker refused"] as const) : [known[1], known[2]];
  return new Refusal(code, `${what} failed: ${cause}.`, { ...facts, docker: excerpt(message, 400) });
}

/** Docker's own message without the usage hint and the prefixes of its layers. */
function daemonText(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(?:See 'docker|Run 'docker)/.test(line))
    .join(" ")
    .replace(/^docker: /, "")
    .replace(/Error response from daemon: /g, "")
    .trim();
}
