import { openContents } from "../../data/content-cache.ts";
import { findLeakage } from "../../data/leakage.ts";
import type { LeakageFacts, StageContext } from "../../ports/stage.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/**
 * What rows of a CSV share with the validation, the KPI and the frozen test set, whatever their paths are spelled like: keys, resolved
 * files and image contents are compared. Paths of `path` are relative to `root`, by default the workspace.
 */
export async function leakageOf(context: StageContext, path: string, root?: string): Promise<LeakageFacts[]> {
  const { config } = context.state;
  const names = await layoutFrom(inheritedSpec(context), config.workspace);
  const contents = openContents();
  const found: LeakageFacts[] = [];
  for (const [held, held_csv] of [
    ["validation", config.validation_csv],
    ["kpi", config.kpi_test_csv],
    ["holdout", config.holdout_csv],
  ] as const) {
    if (held_csv === undefined) continue;
    const sides = [
      { csv: path, roots: [root ?? config.workspace] },
      { csv: held_csv, roots: [config.images_dir] },
    ] as const;
    found.push({ held, training_csv: path, held_csv, leakage: await findLeakage(...sides, names, { contents }) });
  }
  return found;
}
