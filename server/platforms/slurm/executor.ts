import { ensureKeeper, keptEnd, pollKept } from "../../durable/keeper.ts";
import { askCancel, jobStem } from "../../durable/work.ts";
import { installationDigest } from "../../exec/installation.ts";
import type { Executor } from "../../ports/executor.ts";
import { readRunSettings } from "../run-settings.ts";
import { availabilityOf } from "./availability.ts";
import { slurmCli } from "./cli.ts";
import { makeReady } from "./probe.ts";
import { imageOf } from "./program.ts";
import { readTask } from "./record.ts";
import { slurmSettings, slurmSettingsSchema } from "./settings.ts";

/**
 * Runs jobs as batch jobs of SLURM, of this host or of a login node. Run directory and workspace lie on a file system that
 * the nodes see at the same path. A keeper takes a job through its life; the job itself writes how it ended.
 */
export function slurmExecutor(options: { main: string; env: NodeJS.ProcessEnv }): Executor {
  const { env, main } = options;
  const keeperOf = (stem: string) => ({ kind: "slurm", stem, ...options });
  return {
    platform: "slurm",
    engine: "NVIDIA TAO under SLURM",
    settings: slurmSettings,
    async program(runDir) {
      if (runDir === undefined) return undefined;
      const { settings } = await readRunSettings(runDir, slurmSettingsSchema);
      if (settings.program === "engine") return await installationDigest(main);
      return `TAO in ${imageOf(settings, "tao_pyt") ?? settings.venv ?? settings.modules}`;
    },
    availability: (settings) => availabilityOf(settings, env),
    makeReady: (runDir) => makeReady(runDir, options),
    async start(runDir, spec) {
      await ensureKeeper(keeperOf(jobStem(runDir, spec.id)));
      return { scheduler: "slurm" };
    },
    poll: (runDir, record) => pollKept(keeperOf(jobStem(runDir, record.spec.id))),
    async cancel(runDir, record, graceSec) {
      const stem = jobStem(runDir, record.spec.id);
      await askCancel(stem);
      if (await keptEnd(keeperOf(stem), graceSec)) return;
      const id = (await readTask(stem))?.job_id;
      if (id === undefined) return;
      const { settings } = await readRunSettings(runDir, slurmSettingsSchema);
      await slurmCli(settings.host, env).run("scancel", ["--signal=KILL", "--full", id]);
    },
    async progress(runDir, record) {
      const task = await readTask(jobStem(runDir, record.spec.id));
      if (task === undefined) return { message: "submitting to SLURM" };
      return { message: `SLURM job ${task.job_id ?? task.name}: ${task.status ?? "submitted"}` };
    },
  };
}
