import { openContents } from "../../data/content-cache.ts";
import { createImageIndex, questionOf } from "../../data/image-index.ts";
import { keptAnswer } from "../../data/kept-images.ts";
import { leakageBetween, placeCsv } from "../../data/leakage.ts";
import type { RowImages } from "../../data/row-images.ts";
import { type SharedGolden, sharedGolden } from "../../data/sanity/shared-golden.ts";
import { rootsFor } from "../../data/workspace-images.ts";
import type { RefusalCode } from "../../errors.ts";
import { defined } from "../../run/defined.ts";
import { suffixesOf } from "../../run/images.ts";
import { halt, ok } from "../findings.ts";
import type { Findings, Side, Sides, Step, StepCheck, Survey } from "../survey.ts";

type Pair = readonly [used: Side, held: Side, code: RefusalCode];

/** Sets that must share nothing. */
export const leakPairs: readonly Pair[] = [
  ["training_csv", "validation_csv", "gate.train-val-leakage"],
  ["training_csv", "kpi_csv", "gate.train-kpi-leakage"],
  ["pool", "validation_csv", "gate.train-val-leakage"],
  ["pool", "kpi_csv", "gate.train-kpi-leakage"],
  ["training_csv", "holdout_csv", "gate.holdout-leakage"],
  ["pool", "holdout_csv", "gate.holdout-leakage"],
  ["validation_csv", "holdout_csv", "gate.holdout-leakage"],
  ["kpi_csv", "holdout_csv", "gate.holdout-leakage"],
];

/**
 * No row that trains, or that mining may pull into training, shows what the validation or the KPI rows show, and none
 * that has a say in the run what the frozen test set shows: by key,
 * by image file, whatever directory each CSV is relative to, and by what the images show.
 */
export const leakageStep: Step = {
  id: "leakage",
  title: "Leakage",
  async look(survey): Promise<Findings> {
    const sides = await placeSides(survey);
    if (sides === undefined) return {};
    const findings = await keptAnswer("leakage", sides.question, () => leaksBetween(sides, survey.signal));
    return { ...findings, found: { sides } };
  },
};

async function leaksBetween(sides: Sides, signal: AbortSignal | undefined): Promise<Findings> {
  const options = { contents: openContents(), ...defined({ signal }) };
  const checks: StepCheck[] = [];
  const warnings: string[] = [];
  for (const [used, held, code] of leakPairs) {
    const [left, right] = [sides[used], sides[held]];
    if (left === undefined || right === undefined) continue;
    const { count, examples, near, undecoded } = await leakageBetween(left, right, sides.index, options);
    if (near.count > 0) warnings.push(nearText(left, right, near.count, near.examples));
    if (undecoded > 0) warnings.push(undecodedText(left, right, undecoded));
    if (count === 0) continue;
    const golden = await sharedGolden(left, right, sides.index, signal);
    const throughGolden = golden !== undefined && golden.rows * 2 > count ? golden : undefined;
    const detail = `${count} rows of ${left.columns.path} show what ${right.columns.path} shows`;
    checks.push({ ...leakHalt(code, detail, right, throughGolden), facts: { count, examples } });
  }
  return checks.length > 0 ? { checks, warnings } : ok("no shared row, image file or content", { warnings });
}

/** Rows that leak through the golden image that they share need another one; removing them would leave nothing. */
function leakHalt(code: RefusalCode, detail: string, held: RowImages, golden: SharedGolden | undefined): StepCheck {
  if (golden === undefined) return halt(code, detail);
  const { path, rows, held_line } = golden;
  const why = `${detail}: ${rows} use the golden image ${path}, which line ${held_line} of ${held.columns.path} inspects`;
  const fix = `Remove line ${held_line} of ${held.columns.path}, or give those rows another golden image, then call preflight again.`;
  return halt(code, why, fix);
}

function nearText(
  left: RowImages,
  right: RowImages,
  count: number,
  examples: readonly { line: number; held_line: number }[],
) {
  const pairs = examples.map(({ line, held_line }) => `line ${line} like line ${held_line}`);
  if (count > pairs.length) pairs.push(`and ${count - pairs.length} more`);
  return `${count} rows of ${left.columns.path} show nearly what ${right.columns.path} shows: ${pairs.join(", ")}.`;
}

function undecodedText(left: RowImages, right: RowImages, count: number): string {
  const csvs = `${left.columns.path} and ${right.columns.path}`;
  return `${count} images of ${csvs} cannot be decoded and were compared byte for byte only.`;
}

/** All CSVs placed in one index and looked at once. */
async function placeSides(survey: Survey): Promise<Sides | undefined> {
  const { spec, images_dir, workspace, csvs, pool } = survey;
  if (spec === undefined || images_dir === undefined) return undefined;
  const index = createImageIndex({ endings: suffixesOf(spec.content) });
  const place = async (csv: string | undefined) =>
    csv === undefined ? undefined : placeCsv({ csv, roots: rootsFor(csv, workspace, images_dir) }, spec.content, index);
  const placed = {
    training_csv: await place(csvs.training_csv?.path),
    pool: await place(pool?.path),
    validation_csv: await place(csvs.validation_csv?.path),
    kpi_csv: await place(csvs.kpi_csv?.path),
    holdout_csv: await place(csvs.holdout_csv?.path),
  };
  await index.probe(survey.signal);
  const tables = Object.values(placed).map((rows) => [rows?.images_dir, rows?.columns.path, rows?.columns.sha256]);
  return { index, question: questionOf(index, [spec.content.lightings, tables]), ...placed };
}
