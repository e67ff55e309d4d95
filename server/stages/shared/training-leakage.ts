import { join } from "node:path";
import { type Contents, openContents } from "../../data/content-cache.ts";
import { findLeakage } from "../../data/leakage.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import type { LeakageFacts, StageContext } from "../../ports/stage.ts";
import { runPaths } from "../../run/paths.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/**
 * What rows of a CSV share with the validation and the KPI set, whatever their paths are spelled like: keys, resolved
 * files and image contents are compared. Paths of `path` are relative to `root`, by default the workspace.
 */
export async function leakageOf(context: StageContext, path: string, root?: string): Promise<LeakageFacts[]> {
  const { config } = context.state;
  const names = await layoutFrom(inheritedSpec(context), config.workspace);
  const contents = await runContents(context.runDir);
  const found: LeakageFacts[] = [];
  for (const [held, held_csv] of [
    ["validation", config.validation_csv],
    ["kpi", config.kpi_test_csv],
  ] as const) {
    const sides = [
      { csv: path, roots: [root ?? config.workspace] },
      { csv: held_csv, roots: [config.images_dir] },
    ] as const;
    found.push({ held, training_csv: path, held_csv, leakage: await findLeakage(...sides, names, { contents }) });
  }
  await contents.save();
  return found;
}

/** Image contents of a run, kept below its cache directory, so that each image is decoded once a run. */
async function runContents(runDir: string): Promise<Contents> {
  const { cache } = runPaths(runDir);
  await makeDirectory(cache);
  return await openContents(join(cache, "image-content.jsonl"));
}
