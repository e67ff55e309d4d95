import { openContents } from "../../data/content-cache.ts";
import { contentMatches } from "../../data/content-matches.ts";
import { questionOf } from "../../data/image-index.ts";
import { keptAnswer } from "../../data/kept-images.ts";
import { createNumberSet, createPackedList, type NumberColumn } from "../../data/number-list.ts";
import type { RowImages } from "../../data/row-images.ts";
import type { RefusalCode } from "../../errors.ts";
import { cleanImagePaths } from "../../stages/shared/generator-dataset.ts";
import { halt, notNeeded, ok } from "../findings.ts";
import type { Findings, Sides, Step, StepCheck } from "../survey.ts";

const heldSets = [
  ["validation_csv", "gate.train-val-leakage"],
  ["kpi_csv", "gate.train-kpi-leakage"],
  ["holdout_csv", "gate.holdout-leakage"],
] as const satisfies readonly (readonly [string, RefusalCode])[];

/**
 * Clean images of the generator become golden images and grounds of generated parts, and so come into training: none
 * may be an image of a held-out row. The first iteration would find it, hours later.
 */
export const generatorLeakageStep: Step = {
  id: "generator_leakage",
  title: "Clean images of the generator",
  async look({ sides, generator, signal }): Promise<Findings> {
    if (sides === undefined || generator === undefined) return {};
    const { index } = sides;
    const textures = new Set(generator.defect_types.map((type) => type.slice(0, type.indexOf("+"))));
    const paths = await cleanImagePaths(generator.dataset_dir, textures);
    if (paths.length === 0) return notNeeded("the generator has no clean images here");
    const numbers = createPackedList();
    for (const path of paths) {
      const slash = path.lastIndexOf("/");
      numbers.push(index.numberOf(path.slice(0, slash), path.slice(slash + 1)));
    }
    await index.probe(signal);
    const question = questionOf(index, [sides.question, paths]);
    return await keptAnswer("generator leakage", question, () => leaksOf(numbers, sides, signal));
  },
};

async function leaksOf(numbers: NumberColumn, sides: Sides, signal: AbortSignal | undefined): Promise<Findings> {
  const { index } = sides;
  const checks: StepCheck[] = [];
  for (const [held, code] of heldSets) {
    const right = sides[held];
    if (right === undefined) continue;
    const clean: RowImages = { ...right, count: 1, input: numbers, golden: numbers };
    const same = sharedFiles(numbers, right, index);
    const { matches } = await contentMatches(clean, right, index, openContents(), signal);
    for (const [image, { likeness }] of matches) if (likeness === "copy") same.add(image);
    if (same.size === 0) continue;
    const examples = [...same].slice(0, 5).map(index.pathOf);
    const detail = `${same.size} clean images of the generator show what rows of ${right.columns.path} show`;
    const fix = "Take other clean images, of parts that no held-out row shows, then call preflight again.";
    checks.push({ ...halt(code, detail, fix), facts: { count: same.size, examples } });
  }
  return checks.length > 0 ? { checks } : ok(`${numbers.length} clean images, none of a held-out row`);
}

/** Clean images that are the very file, by path or link, of an inspected image. */
function sharedFiles(
  clean: NumberColumn,
  { input }: RowImages,
  index: { identityOf(image: number): number },
): Set<number> {
  const files = createNumberSet();
  for (const image of input) files.add(index.identityOf(image));
  return new Set(Array.from(clean, index.identityOf).filter((image) => files.has(image)));
}
