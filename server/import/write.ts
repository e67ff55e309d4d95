import { dirname, join } from "node:path";
import { PNG } from "pngjs";
import { writeChangeNet } from "../data/changenet.ts";
import { writeTable } from "../data/csv.ts";
import { makeDirectory } from "../fs/atomic.ts";
import { copyNew } from "../fs/copy.ts";
import { kindOf } from "../fs/read.ts";
import { createTree, writeNew } from "../fs/tree.ts";
import { workspacePaths } from "../run/paths.ts";
import { type GeneratorFacts, writeGenerator } from "./generator.ts";
import { cropPixels, type Decoder, imageDecoder } from "./gray.ts";
import { motionOf, type Pair } from "./pairing.ts";
import type { ImportPlan } from "./plan.ts";
import { foldersOfPair, lightingName, rowOf } from "./rows.ts";
import type { Rect } from "./source.ts";
import { type SplitName, splitNames } from "./split.ts";

/** What the spec of an imported workspace depends on. */
export type SpecFacts = {
  readonly image_ext: string;
  readonly lightings: readonly string[];
  readonly batch_size: number;
};

export type Written = { readonly generator?: GeneratorFacts; readonly images: number };
export type Texts = {
  readonly spec: (facts: SpecFacts) => string;
  readonly readme: (facts: SpecFacts, written: Written) => string;
  /** The page of samples. */
  readonly page: string;
};

/** The most that a batch holds in the published specs. */
const largestBatch = 16;

/**
 * Writes the workspace that a plan describes: images, tables, spec, reference data of the generator, the page of samples
 * and `import_pairs.csv`, which has the alignment of every pair. It appears at once when it is complete.
 *
 * @throws Refusal `input.workspace-exists` when `dir` holds anything.
 */
export async function writeImport(dir: string, plan: ImportPlan, texts: Texts): Promise<Written> {
  let written: Written = { images: 0 };
  await createTree(dir, async (root) => {
    const paths = workspacePaths(root);
    const facts = specFacts(plan);
    const decode = imageDecoder();
    for (const name of splitNames) {
      for (const pair of plan.splits[name]) {
        written = {
          ...written,
          images: written.images + (await writePair(paths.images, pair, facts.image_ext, decode)),
        };
      }
      if (plan.splits[name].length > 0) await writeSplit(tableOf(root, name), plan.splits[name]);
    }
    const datasets = join(paths.anomalygen, "datasets");
    await makeDirectory(datasets);
    if (plan.lightings.length === 1) {
      const fileOf = (pair: Pair) => imageFile(paths.images, pair, "input", plan.lightings[0] ?? "", facts.image_ext);
      const generator = await writeGenerator(join(datasets, "imported"), plan.splits.training, decode, fileOf);
      if (generator !== undefined) written = { ...written, generator };
    }
    await makeDirectory(paths.backboneDir);
    await makeDirectory(dirname(paths.spec));
    await writeNew(paths.spec, texts.spec(facts));
    await writePairs(join(root, "import_pairs.csv"), plan);
    await writeNew(join(root, "import_samples.html"), texts.page);
    await writeNew(join(root, "README.md"), texts.readme(facts, written));
  });
  return written;
}

function tableOf(root: string, name: SplitName): string {
  const paths = workspacePaths(root);
  const tables = {
    training: paths.trainingCsv,
    validation: paths.validationCsv,
    kpi: paths.kpiCsv,
    pool: paths.poolCsv,
    holdout: paths.holdoutCsv,
  };
  return tables[name];
}

function specFacts(plan: ImportPlan): SpecFacts {
  const pairs = splitNames.flatMap((name) => plan.splits[name]);
  const files = pairs.flatMap(({ files, goldens }) => [...Object.values(files), ...Object.values(goldens)]);
  const isJpeg = plan.window_px === undefined && files.every((file) => /\.jpe?g$/i.test(file));
  const least = Math.min(plan.splits.training.length, plan.splits.validation.length);
  return {
    image_ext: isJpeg ? ".jpg" : ".png",
    lightings: plan.lightings.map(lightingName),
    batch_size: Math.min(largestBatch, 2 ** Math.floor(Math.log2(least))),
  };
}

function imageFile(root: string, pair: Pair, which: "input" | "golden", lighting: string, ext: string): string {
  return join(root, foldersOfPair(pair)[which], `${pair.object}_${lightingName(lighting)}${ext}`);
}

/** Copies or cuts the images of a pair; returns how many there were. */
async function writePair(root: string, pair: Pair, ext: string, decode: Decoder): Promise<number> {
  let count = 0;
  for (const [lighting, file] of Object.entries(pair.files)) {
    const golden = pair.goldens[lighting] ?? "";
    await writeImage(file, pair.window, imageFile(root, pair, "input", lighting, ext), decode);
    await writeImage(golden, pair.golden_window, imageFile(root, pair, "golden", lighting, ext), decode);
    count += 2;
  }
  return count;
}

async function writeImage(from: string, window: Rect | undefined, to: string, decode: Decoder): Promise<void> {
  if ((await kindOf(dirname(to))) === "absent") await makeDirectory(dirname(to));
  const isSame = /\.jpg$/.test(to) ? /\.jpe?g$/i.test(from) : /\.png$/i.test(from);
  if (window === undefined && isSame) return await copyNew(from, to);
  const whole = await decode(from);
  const { width, height, data } = window === undefined ? whole : cropPixels(whole, window);
  const png = new PNG({ width, height });
  png.data.set(data);
  await writeNew(to, PNG.sync.write(png, { colorType: 2 }));
}

async function writeSplit(csv: string, pairs: readonly Pair[]): Promise<void> {
  await makeDirectory(dirname(csv));
  await writeChangeNet(csv, pairs.map(rowOf));
}

async function writePairs(path: string, plan: ImportPlan): Promise<void> {
  const header = ["set", "object_name", "label", "image", "golden", "rule", "correlation", "dx_px", "dy_px"];
  const rows = splitNames.flatMap((name) =>
    plan.splits[name].map((pair) => {
      const { correlation } = pair.alignment;
      const { dx_px, dy_px } = motionOf(pair);
      const golden = Object.values(pair.goldens)[0] ?? "";
      const place = golden.startsWith(`${plan.source}/`) ? golden.slice(plan.source.length + 1) : golden;
      const figures = [correlation === null ? "" : String(correlation), String(dx_px), String(dy_px)];
      return [name, pair.object, pair.label, pair.image.name, place, pair.rule, ...figures];
    }),
  );
  await writeTable(path, header, rows);
}
