import { jobStem } from "../../durable/work.ts";
import { Refusal } from "../../errors.ts";
import type { Executor } from "../../ports/executor.ts";
import type { JobRecord, JobSpec } from "../../run/job.ts";
import { chooseImages } from "../docker/images.ts";
import { type JobExecutor, osmoExecutor } from "./executor.ts";
import { isTraining } from "./inputs.ts";
import { readTask } from "./record.ts";
import { osmoSettings, trainsOn } from "./settings.ts";

/**
 * Lets the trainings of a platform run as OSMO tasks where the operator set DEFT_OSMO_TRAIN_POOL; everything else stays.
 *
 * A job that once went to OSMO stays there, whatever the variables say later.
 */
export function trainingElsewhere(local: Executor, options: { main: string; env: NodeJS.ProcessEnv }): Executor {
  const { env } = options;
  const wanted = Boolean(env.DEFT_OSMO_TRAIN_POOL);
  const osmo = osmoExecutor(options);
  const executorFor = (record: JobRecord): Executor | JobExecutor => (record.handle?.runner === "osmo" ? osmo : local);
  const begun = async (runDir: string, spec: JobSpec) => (await readTask(jobStem(runDir, spec.id))) !== undefined;
  return {
    ...local,
    ...termsOf(env),
    async availability(settings) {
      const here = await local.availability(settings);
      if (!wanted || !here.available) return here;
      const missing = await missingImage(local, env);
      const there = missing === undefined ? await osmo.availability(settings) : { available: false, detail: missing };
      if (there.available) return { available: true, detail: `${here.detail}; ${there.detail}` };
      return { available: false, detail: `${there.detail} (without DEFT_OSMO_TRAIN_POOL training stays here)` };
    },
    async start(runDir, spec) {
      const elsewhere = isTraining(spec) && (wanted || (await begun(runDir, spec)));
      return await (elsewhere ? osmo : local).start(runDir, spec);
    },
    poll: (runDir, record) => executorFor(record).poll(runDir, record),
    cancel: (runDir, record, graceSec) => executorFor(record).cancel(runDir, record, graceSec),
    async discard(runDir, record) {
      // The OSMO CLI deletes nothing: inputs stay for the next job, outputs until the bucket's own rules take them.
      if (executorFor(record) === local) await local.discard?.(runDir, record);
    },
    progress: async (runDir, record) => await executorFor(record).progress?.(runDir, record),
  };
}

/** The terms for the plan; settings that do not hold are told by `availability`. */
function termsOf(env: NodeJS.ProcessEnv): Pick<Executor, "trains_on"> {
  try {
    const settings = osmoSettings(env);
    return settings === undefined ? {} : { trains_on: trainsOn(settings) };
  } catch (error) {
    if (error instanceof Refusal) return {};
    throw error;
  }
}

/** The embedded engine cannot read what NVIDIA's trainer saves, so its trainings need an image that holds it. */
async function missingImage({ platform }: Executor, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { tao_pyt } = await chooseImages(env);
  if (platform !== "embedded" || tao_pyt.source === "TAO_PYT_IMAGE") return undefined;
  return "training on OSMO with the embedded engine needs TAO_PYT_IMAGE, an image whose visual_changenet is that engine";
}
