import { join } from "node:path";
import { readText } from "../../fs/read.ts";
import type { StageContext } from "../../ports/stage.ts";
import type { JobSpec } from "../../run/job.ts";
import { runPaths } from "../../run/paths.ts";
import { stagedBackbone } from "./backbone.ts";
import { stageJob } from "./job.ts";
import { trainedSpec } from "./specs.ts";
import { deriveInferenceSpec } from "./train-spec.ts";

/** The spec that scores the rows of a CSV with what an iteration trained, derived from its exact training spec. */
export async function scoringSpec(context: StageContext, rows: { csv: string; count: number }): Promise<string> {
  const { config } = context.state;
  const source = trainedSpec(context);
  const backbone = await stagedBackbone(config.backbone_weight_dir);
  return deriveInferenceSpec(await readText(source), source, config, backbone, {
    label: context.iteration,
    iteration_dir: runPaths(context.runDir).iteration(context.iteration),
    csv: rows.csv,
    rows: rows.count,
    images_dir: config.images_dir,
  });
}

/** The job that scores the rows of a spec with a checkpoint and leaves `inference.csv` in `dir`. */
export function scoringJob(
  context: StageContext,
  wish: { readonly name: string; readonly checkpoint: string; readonly spec: string; readonly dir: string },
): JobSpec {
  const { name, checkpoint, spec, dir } = wish;
  const overrides = [`inference.checkpoint=${checkpoint}`, `inference.results_dir=${dir}`];
  return stageJob(context, "evaluate", {
    name,
    image: "tao_pyt",
    argv: ["visual_changenet", "inference", "-e", spec, ...overrides],
    workdir: dir,
    log_path: join(dir, "inference.log"),
    status_path: join(dir, "status.json"),
    reads: [context.state.config.backbone_weight_dir],
  });
}
