import { extname, join } from "node:path";
import { type ChangeNetRow, changeNetRows } from "../../data/changenet.ts";
import { writeTable } from "../../data/csv.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { kindOf, readBytes } from "../../fs/read.ts";
import { defectiveRows, type InferenceRow, type InferenceTable, rankGaps } from "../../kpi/gaps.ts";
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
type ScoredRow = ChangeNetRow & { readonly score: number };

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
  { csv, table }: { readonly csv: string; readonly table: InferenceTable },
  threshold: number,
  layout: ImageLayout,
): Promise<{ readonly path: string; readonly causes: Readonly<Partial<Record<Cause, number>>> }> {
  const weakest = await weakestRows(csv, table, threshold);
  const causeOf = causesOf(
    table,
    weakest.map(({ row }) => row),
    threshold,
  );
  const causes: Partial<Record<Cause, number>> = {};
  const lines: string[][] = [];
  for (const [at, { row, weakness }] of weakest.entries()) {
    const cause = causeOf(row);
    causes[cause] = (causes[cause] ?? 0) + 1;
    const images = await copyImages(join(directory, "rca_images"), at + 1, row, layout);
    const cells = [row.object_name, row.label, row.boardname ?? "", String(row.score), String(weakness), cause];
    lines.push([String(at + 1), ...cells, "", ...images]);
  }
  const path = join(directory, "spot_check.csv");
  const header = ["number", "object_name", "label", "boardname", "siamese_score", "weakness", "suspected_cause"];
  await writeTable(path, [...header, "seen_cause", "test_image", "golden_image"], lines);
  return { path, causes };
}

/** The weakest PASS rows and the weakest defective ones, with all their cells. */
async function weakestRows(csv: string, table: InferenceTable, threshold: number) {
  // Of two classes in place of many labels, and rows by number.
  const classes: InferenceTable<Numbered> = {
    ...table,
    label: defectiveRows(table),
    labels: ["PASS", "defect"],
    at: (row) => ({ ...table.at(row), at: row }),
  };
  const ranked = rankGaps(classes, threshold, ofEachClass);
  const wanted = new Set(ranked.map(({ row }) => row.at));
  const cells = new Map<number, ChangeNetRow>();
  let at = 0;
  for await (const row of changeNetRows(csv)) {
    if (wanted.has(at)) cells.set(at, row);
    at++;
  }
  const rows = ranked.map(({ row, weakness }) => ({
    row: { ...cells.get(row.at), score: row.score } as ScoredRow,
    weakness,
  }));
  return [...rows.filter(({ row }) => isPass(row.label)), ...rows.filter(({ row }) => !isPass(row.label))];
}

type Numbered = InferenceRow & { readonly at: number };

function causesOf(table: InferenceTable, weakest: readonly ScoredRow[], threshold: number) {
  const { good, bad, range } = scoresOf(table, threshold);
  const onBoard = new Map<string, number>();
  for (const { boardname = "" } of weakest) onBoard.set(boardname, (onBoard.get(boardname) ?? 0) + 1);
  return ({ label, score, boardname = "" }: ScoredRow): Cause => {
    if (isPass(label) ? score >= bad : score <= good) return "mislabelled";
    if (boardname !== "" && (onBoard.get(boardname) ?? 0) >= systematicFrom) return "systematic";
    return Math.abs(score - threshold) <= edgeShare * range ? "edge case" : "quality";
  };
}

/** The middle score of either class, the threshold for one without rows, and the range of all scores. */
function scoresOf({ scores, label, labels }: InferenceTable, threshold: number) {
  const good = labels.map(isPass);
  const [pass, defective] = [true, false].map((wanted) =>
    scores.filter((_, row) => good[label[row] as number] === wanted).sort(),
  ) as [Float64Array, Float64Array];
  const middle = (sorted: Float64Array): number => sorted[sorted.length >> 1] ?? threshold;
  const most = Math.max(pass.at(-1) ?? -Infinity, defective.at(-1) ?? -Infinity);
  const least = Math.min(pass[0] ?? Infinity, defective[0] ?? Infinity);
  return { good: middle(pass), bad: middle(defective), range: most - least };
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
