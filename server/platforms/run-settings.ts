import { z } from "zod";
import { readAs } from "../fs/json.ts";
import { runPaths } from "../run/paths.ts";
import { settingValueSchema } from "../run/platform-settings.ts";

/** The little of a run's state that its jobs are started by. */
const stateSchema = z.looseObject({
  config: z.looseObject({
    platform_settings: z.record(z.string(), settingValueSchema).default({}),
    num_gpus: z.number().default(0),
  }),
  plan: z.looseObject({
    parameters: z.looseObject({ network_mode: z.looseObject({ value: z.unknown() }).optional() }),
  }),
});

/**
 * The settings of a run's platform as they were approved, whether its jobs may reach out, and on how many GPUs: from the run directory,
 * never from the environment again.
 *
 * @throws Refusal `input.unreadable-file`, `state.corrupt` and those of reading JSON.
 */
export async function readRunSettings<Schema extends z.ZodObject>(
  runDir: string,
  schema: Schema,
): Promise<{ settings: z.output<Schema>; airgapped: boolean; gpus: number }> {
  const { config, plan } = await readAs(runPaths(runDir).state, stateSchema);
  const settings = schema.parse(config.platform_settings);
  return { settings, airgapped: plan.parameters.network_mode?.value === "airgap", gpus: config.num_gpus };
}
