import { availableParallelism } from "node:os";
import { startAnother } from "../../durable/ahead.ts";
import { startKeeper } from "../../durable/keeper.ts";
import { cancelProgram, programExit } from "../../durable/program.ts";
import { jobStem } from "../../durable/work.ts";
import { installationDigest } from "../../exec/installation.ts";
import { bareEnv, withoutSecrets } from "../../exec/program-env.ts";
import type { Executor } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import type { JobSpec } from "../../run/job.ts";
import { cacheVariables } from "./cache.ts";

/**
 * Runs jobs on this host's CPU with the embedded engine, each under a keeper in its own session.
 *
 * `main` is the bin that the keeper is started from; it carries the subcommands `keep` and `engine`.
 */
export function embeddedExecutor(options: { main: string; version: string; env: NodeJS.ProcessEnv }): Executor {
  const keeperOf = async (runDir: string, { afresh }: Pick<JobSpec, "afresh">) => {
    const kept = async () => ({
      ...withoutSecrets(options.env),
      ...(await cacheVariables(runDir, options.main, options.env)),
    });
    return { kind: "engine", main: options.main, env: afresh ? bareEnv(options.env) : await kept() };
  };
  return {
    platform: "embedded",
    engine: `deft-mcp embedded engine ${options.version}`,
    program: () => installationDigest(options.main),
    async availability() {
      return { available: true, detail: `CPU, ${availableParallelism()} cores` };
    },
    expect: async (runDir, spec) => startAnother(await keeperOf(runDir, spec)),
    async start(runDir, spec) {
      const stem = jobStem(runDir, spec.id);
      const keeper = await startKeeper({ ...(await keeperOf(runDir, spec)), stem, ahead: spec.afresh !== true });
      return defined({ spawned_at_ms: Date.now(), keeper });
    },
    async poll(runDir, record) {
      const exit = await programExit(jobStem(runDir, record.spec.id), record);
      return exit === undefined ? { state: "running" } : { state: "ended", exit };
    },
    cancel: (runDir, record, graceSec) => cancelProgram(jobStem(runDir, record.spec.id), graceSec),
  };
}
