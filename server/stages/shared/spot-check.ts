import { extname, join } from "node:path";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { writeTable } from "../../data/csv.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { kindOf, readBytes } from "../../fs/read.ts";
import { rankGaps } from "../../kpi/gaps.ts";
import { type ImageLayout, imagesOf } from "../../run/images.ts";
import { isPass } from "../../run/pass-labels.ts";

/** Weakest parts of either class that a person should look at (tao-stages 2.5). */
const ofEachClass = 5;
/** Boards with this many of the weakest parts have a cause of their own. */
const systematicFrom = 3;
/** Share of the range of scores around the threshold in which a part could fall either way. */
const edgeShare = 0.05;

/** Why the model is weak at a part, as far as scores and rows can tell; a person who looks at it decides. */
type Cause = "mislabelled" | "edge case" | "systematic" | "quality";

/** A row of an inference with its score as a number. */
export type ScoredRow = ChangeNetRow & { readonly score: number };

/**
 * Lays the weakest PASS and the weakest defective parts out for a person: their images, first light, beside their golden
 * ones in `rca_images`, and `spot_check.csv` with a suspected cause of each and an empty column for what was seen.
 *
 * A part on the far side of the other class's middle is likely mislabelled, one next to the threshold an edge case, some
 * of one board systematic; for the rest the image itself is to be looked at.
 *
 * @returns the table's path and the suspected causes.
 */
export async function writeSpotCheck(
  directory: string,
  rows: readonly ScoredRow[],
  threshold: number,
  layout: ImageLayout,
): Promise<{ readonly path: string; readonly causes: Readonly<Partial<Record<Cause, number>>> }> {
  const weakest = [rows.filter(({ label }) => isPass(label)), rows.filter(({ label }) => !isPass(label))].flatMap(
    (group) => rankGaps(group, threshold, Number.POSITIVE_INFINITY).slice(0, ofEachClass),
  ) as { readonly row: ScoredRow; readonly weakness: number }[];
  const causeOf = causesOf(
    rows,
    weakest.map(({ row }) => row),
    threshold,
  );
  const causes: Partial<Record<Cause, number>> = {};
  const table: string[][] = [];
  for (const [at, { row, weakness }] of weakest.entries()) {
    const cause = causeOf(row);
    causes[cause] = (causes[cause] ?? 0) + 1;
    const images = await copyImages(join(directory, "rca_images"), at + 1, row, layout);
    const cells = [row.object_name, row.label, row.boardname ?? "", String(row.score), String(weakness), cause];
    table.push([String(at + 1), ...cells, "", ...images]);
  }
  const path = join(directory, "spot_check.csv");
  const header = ["number", "object_name", "label", "boardname", "siamese_score", "weakness", "suspected_cause"];
  await writeTable(path, [...header, "seen_cause", "test_image", "golden_image"], table);
  return { path, causes };
}

function causesOf(rows: readonly ScoredRow[], weakest: readonly ScoredRow[], threshold: number) {
  const middle = (pass: boolean) => {
    const scores = rows.filter(({ label }) => isPass(label) === pass).map(({ score }) => score);
    return scores.toSorted((a, b) => a - b)[scores.length >> 1] ?? threshold;
  };
  const [good, bad] = [middle(true), middle(false)];
  const scores = rows.map(({ score }) => score);
  const range =
    scores.reduce((most, score) => Math.max(most, score), -Infinity) -
    scores.reduce((least, score) => Math.min(least, score), Infinity);
  const onBoard = new Map<string, number>();
  for (const { boardname = "" } of weakest) onBoard.set(boardname, (onBoard.get(boardname) ?? 0) + 1);
  return ({ label, score, boardname = "" }: ScoredRow): Cause => {
    if (isPass(label) ? score >= bad : score <= good) return "mislabelled";
    if (boardname !== "" && (onBoard.get(boardname) ?? 0) >= systematicFrom) return "systematic";
    return Math.abs(score - threshold) <= edgeShare * range ? "edge case" : "quality";
  };
}

/** Copies the images of a row as they are; one that is not there leaves its cell empty. */
async function copyImages(directory: string, number: number, row: ScoredRow, layout: ImageLayout): Promise<string[]> {
  await makeDirectory(directory);
  const [first] = imagesOf(row, layout);
  const copied: string[] = [];
  for (const [kind, path] of Object.entries({ test: first?.input ?? "", golden: first?.golden ?? "" })) {
    const isThere = path !== "" && (await kindOf(path)) === "file";
    const name = `${String(number).padStart(2, "0")}_${kind}${extname(path)}`;
    if (isThere) await writeAtomic(join(directory, name), await readBytes(path));
    copied.push(isThere ? `rca_images/${name}` : "");
  }
  return copied;
}
