import { describe, expect, it } from "@jest/globals";
import { dockerFailure } from "../../../../server/platforms/docker/errors.ts";

/** What the daemon and the registry answer, word for word, and the code that a person is told. */
const table: readonly (readonly [string, string])[] = [
  [
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
    "executor.gpu-unavailable",
  ],
  [
    "Error response from daemon: nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
    "executor.gpu-unavailable",
  ],
  [
    'Error response from daemon: Conflict. The container name "/deft-a" is already in use by container "1f2e".',
    "executor.name-taken",
  ],
  [
    'Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /gone',
    "executor.mount-missing",
  ],
  ["exec /usr/bin/bash: exec format error", "executor.architecture"],
  [
    "WARNING: The requested image's platform (linux/amd64) does not match the detected host platform (linux/arm64/v8)",
    "executor.architecture",
  ],
  [
    'OCI runtime create failed: runc create failed: exec: "visual_changenet": executable file not found in $PATH: unknown',
    "executor.bad-image",
  ],
  ["Error response from daemon: write /var/lib/docker/x: no space left on device", "executor.disk-full"],
  ["Error response from daemon: No such image: sha256:abc", "executor.image-missing"],
  ["Error response from daemon: manifest for nvcr.io/nvidia/x:1 not found: manifest unknown", "executor.image-missing"],
  ["Error response from daemon: unauthorized: authentication required", "executor.registry"],
  [
    'Error response from daemon: Get "https://nvcr.io/v2/": dial tcp: lookup nvcr.io: no such host',
    "executor.registry",
  ],
  ["Error response from daemon: something nobody has seen", "executor.unavailable"],
];

describe("what the daemon refuses", () => {
  it.each(table)("%s is %s", (stderr, code) => {
    const refusal = dockerFailure("Starting the job", `${stderr}\nSee 'docker run --help'.\n`, { job: "j" });
    expect(refusal.code).toBe(code);
    expect(refusal.facts.job).toBe("j");
    expect(String(refusal.facts.docker)).not.toContain("--help");
  });
});
