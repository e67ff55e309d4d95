import { startKeeper } from "../../durable/keeper.ts";
import { type CommandOf, cancelProgram, programExit } from "../../durable/program.ts";
import { jobOf, jobStem } from "../../durable/work.ts";
import { installationDigest } from "../../exec/installation.ts";
import { endMarked } from "../../exec/marked.ts";
import type { Executor } from "../../ports/executor.ts";
import { defined } from "../../run/defined.ts";
import { cacheVariables } from "../embedded/cache.ts";
import { readRunSettings } from "../run-settings.ts";
import { lookAtVenv } from "./look.ts";
import { hostCommand, hostEnv, jobMark } from "./programs.ts";
import { type HostSettings, hostSettings, hostSettingsSchema } from "./settings.ts";

/** What a program left behind may take to end, once it was asked to. */
const leaveMs = 5000;

/**
 * Runs TAO's console scripts from a Python environment of this host, each under a keeper in its own session, with
 * `VENV/bin` first on PATH and next to nothing of the server's environment.
 *
 * `main` is the bin that the keeper is started from; it carries the subcommands `keep` and `engine`.
 */
export function hostExecutor(options: { main: string; env: NodeJS.ProcessEnv }): Executor {
  const { main, env } = options;
  return {
    platform: "host",
    engine: "NVIDIA TAO from a Python environment",
    settings: hostSettings,
    async program(runDir) {
      if (runDir === undefined) return undefined;
      const { settings } = await readRunSettings(runDir, hostSettingsSchema);
      return settings.program === "engine" ? await installationDigest(main) : `TAO in ${settings.venv}`;
    },
    async availability(settings) {
      const { venv, program } = settings as Partial<HostSettings>;
      if (program === "engine") return { available: true, detail: "the embedded engine, to rehearse the platform" };
      if (venv !== undefined) return { available: true, detail: `TAO from ${venv}` };
      const fix = "Set DEFT_TAO_VENV, or platform_settings.venv, to the Python environment that TAO is installed in.";
      return { available: false, detail: "no Python environment is named", fix };
    },
    async look(settings, signal) {
      const { venv = "", ...more } = hostSettingsSchema.parse(settings);
      return await lookAtVenv(venv, more, env, signal);
    },
    async start(runDir, spec) {
      const { settings } = await readRunSettings(runDir, hostSettingsSchema);
      const cached = settings.program === "engine" && spec.afresh !== true;
      const more = cached ? await cacheVariables(runDir, main, env) : {};
      const stem = jobStem(runDir, spec.id);
      const keeper = await startKeeper({ kind: "host", stem, main, env: { ...hostEnv(env), ...more } });
      return defined({ spawned_at_ms: Date.now(), keeper });
    },
    async poll(runDir, record) {
      const stem = jobStem(runDir, record.spec.id);
      const exit = await programExit(stem, record);
      if (exit === undefined) return { state: "running" };
      if (exit.outcome === "lost" || exit.outcome === "cancelled") await endMarked(jobMark, stem, 0);
      return { state: "ended", exit };
    },
    async cancel(runDir, record, graceSec) {
      const stem = jobStem(runDir, record.spec.id);
      await cancelProgram(stem, graceSec);
      await endMarked(jobMark, stem, 0);
    },
  };
}

/** What a keeper of this platform starts, and what it does once that has ended. */
export function hostWork(main: string): { commandOf: CommandOf; afterwards(stem: string): Promise<void> } {
  return {
    async commandOf(spec, stem, env) {
      const { settings, airgapped } = await readRunSettings(jobOf(stem).runDir, hostSettingsSchema);
      return hostCommand(spec, settings, { main, stem, airgapped, env });
    },
    afterwards: (stem) => endMarked(jobMark, stem, leaveMs),
  };
}
