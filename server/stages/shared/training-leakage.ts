import { openContents } from "../../data/content-cache.ts";
import { findLeakage, type Leakage } from "../../data/leakage.ts";
import type { LeakageFacts, StageContext } from "../../ports/stage.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/**
 * What rows of a CSV share with the validation, the KPI and the frozen test set, whatever their paths are spelled like: keys, resolved
 * files and image contents are compared. Paths of `path` are relative to `root`, by default the workspace.
 */
export async function leakageOf(context: StageContext, path: string, root?: string): Promise<LeakageFacts[]> {
  const { config } = context.state;
  const names = await layoutFrom(inheritedSpec(context), config.workspace);
  const sides = [
    { held: "validation", csv: config.validation_csv },
    { held: "kpi", csv: config.kpi_test_csv },
    ...(config.holdout_csv === undefined ? [] : [{ held: "holdout", csv: config.holdout_csv } as const]),
  ] as const;
  const found = await findLeakage(
    { csv: path, roots: [root ?? config.workspace] },
    sides.map(({ csv }) => ({ csv, roots: [config.images_dir] })),
    names,
    { contents: openContents() },
  );
  return sides.map(({ held, csv }, at) => ({ held, training_csv: path, held_csv: csv, leakage: found[at] as Leakage }));
}
