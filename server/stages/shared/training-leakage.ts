import { type ChangeNetRow, readChangeNet } from "../../data/changenet.ts";
import { type ImageLayout, imagesOf } from "../../data/images.ts";
import { Refusal } from "../../errors.ts";
import { realPathOf } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import type { StageContext } from "../stage.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/**
 * Proves that no training row shows an image of the validation or the KPI set, whatever its path is spelled like:
 * resolved files are compared, and their contents.
 *
 * @throws Refusal `gate.train-val-leakage` or `gate.train-kpi-leakage` naming rows of `path`.
 */
export async function requireNoLeakage(
  context: StageContext,
  path: string,
  rows: readonly ChangeNetRow[],
): Promise<void> {
  const { config } = context.state;
  const spec = inheritedSpec(context);
  const training = await fingerprints(rows, await layoutFrom(spec, config.workspace));
  const held = await layoutFrom(spec, config.images_dir);
  await requireDisjoint(path, training, config.validation_csv, held, "gate.train-val-leakage");
  await requireDisjoint(path, training, config.kpi_test_csv, held, "gate.train-kpi-leakage");
}

type Fingerprint = { readonly row: number; readonly image: string; readonly keys: readonly string[] };

async function requireDisjoint(
  path: string,
  training: readonly Fingerprint[],
  heldCsv: string,
  layout: ImageLayout,
  code: "gate.train-val-leakage" | "gate.train-kpi-leakage",
): Promise<void> {
  const held = await fingerprints((await readChangeNet(heldCsv)).rows, layout);
  const keys = new Set(held.flatMap((one) => one.keys));
  const leaked = training.filter((one) => one.keys.some((key) => keys.has(key)));
  if (leaked.length === 0) return;
  const examples = leaked.slice(0, 10).map(({ row, image }) => ({ row, image }));
  throw new Refusal(code, `Training rows show images of ${heldCsv}.`, {
    path,
    against: heldCsv,
    rows: leaked.length,
    examples,
  });
}

/** The resolved path and the content of each tested image; golden images are shared by nature. */
async function fingerprints(rows: readonly ChangeNetRow[], layout: ImageLayout): Promise<Fingerprint[]> {
  const found: Fingerprint[] = [];
  for (const [at, row] of rows.entries()) {
    for (const { input } of imagesOf(row, layout)) {
      found.push({ row: at + 1, image: input, keys: [await realPathOf(input), await sha256OfFile(input)] });
    }
  }
  return found;
}
