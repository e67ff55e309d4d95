import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Call, Deps } from "../ports/call.ts";
import { version } from "../run/version.ts";
import type { CliIo } from "./io.ts";

/** The bin that this process was started from: jobs and clients are started from the same file. */
export function mainPath(): string {
  return process.argv[1] ?? fileURLToPath(import.meta.url);
}

/** The real clock, chance and executors of this process; executors are loaded when they are first needed. */
export function systemDeps(io: Pick<CliIo, "env" | "cwd">): Deps {
  return {
    clock: { now: () => new Date() },
    ids: {
      hex: (length) =>
        randomBytes(Math.ceil(length / 2))
          .toString("hex")
          .slice(0, length),
    },
    env: io.env,
    cwd: io.cwd,
    executors: {
      docker: async () => {
        const [{ dockerExecutor }, { hostUser }, { trainingElsewhere }] = await Promise.all([
          import("../platforms/docker/executor.ts"),
          import("../platforms/docker/argv.ts"),
          import("../platforms/osmo/training-elsewhere.ts"),
        ]);
        const own = { main: mainPath(), env: io.env };
        return trainingElsewhere(dockerExecutor({ ...own, user: hostUser() }), own);
      },
      kubernetes: async () => {
        const { kubernetesExecutor } = await import("../platforms/kubernetes/executor.ts");
        return kubernetesExecutor({ main: mainPath(), env: io.env });
      },
      embedded: async () => {
        const [{ embeddedExecutor }, { trainingElsewhere }] = await Promise.all([
          import("../platforms/embedded/executor.ts"),
          import("../platforms/osmo/training-elsewhere.ts"),
        ]);
        const own = { main: mainPath(), env: io.env };
        return trainingElsewhere(embeddedExecutor({ ...own, version }), own);
      },
      slurm: async () => {
        const { slurmExecutor } = await import("../platforms/slurm/executor.ts");
        return slurmExecutor({ main: mainPath(), env: io.env });
      },
      host: async () => {
        const { hostExecutor } = await import("../platforms/host/executor.ts");
        return hostExecutor({ main: mainPath(), env: io.env });
      },
    },
  };
}

/** A call by a person at a terminal: nobody is asked through a protocol, nothing was shown before. */
export function terminalCall(deps: Deps): Call {
  return {
    deps,
    signal: new AbortController().signal,
    human: { canAsk: false, ask: async () => ({ action: "cancel" }) },
    client: `deft-mcp ${version} terminal`,
    connection: { shownPlans: new Set(), notes: new Map() },
    progress() {},
  };
}
