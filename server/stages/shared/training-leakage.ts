import { findLeakage } from "../../data/leakage.ts";
import { Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import type { StageContext } from "../stage.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/**
 * Proves that no row of a CSV in workspace coordinates shows an image of the validation or the KPI set, whatever its
 * path is spelled like: keys, resolved files and contents are compared.
 *
 * @throws Refusal `gate.train-val-leakage` or `gate.train-kpi-leakage` naming lines of `path`.
 */
export async function requireNoLeakage(context: StageContext, path: string): Promise<void> {
  const { config } = context.state;
  const names = await layoutFrom(inheritedSpec(context), config.workspace);
  const held = [
    ["gate.train-val-leakage", config.validation_csv],
    ["gate.train-kpi-leakage", config.kpi_test_csv],
  ] as const;
  for (const [code, csv] of held) {
    const training = { csv: path, roots: [config.workspace] };
    const found = await findLeakage(training, { csv, roots: [config.images_dir] }, names, { contentOf: sha256OfFile });
    if (found.count === 0) continue;
    const facts = { path, against: csv, rows: found.count, examples: found.examples };
    throw new Refusal(code, `Training rows show images of ${csv}.`, facts);
  }
}
