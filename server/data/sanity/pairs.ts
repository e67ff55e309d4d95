import { excerpt } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { isPass } from "../../run/pass-labels.ts";
import type { ImageIndex } from "../image-index.ts";
import { createNumberSet, createPackedList } from "../number-list.ts";
import { inTurns } from "../pause.ts";
import { comparePairs } from "../process/image-batches.ts";
import { onceEachText, type RowColumns, textAt } from "../row-columns.ts";
import type { RowImages } from "../row-images.ts";
import type { Copies } from "./copies.ts";
import { exampleLimit, type SetFinding } from "./finding.ts";

/** Pairs that are decoded: enough to tell a fifth of a set from none of it. */
const sampleSize = 64;
/** True pairs of two data sets correlate by 0.7 and more, images of different places by 0.5 at most in 19 of 20 cases. */
const pairCorrelation = 0.5;
/** Share of the sampled pairs that may fail: one in five may be a difficult light, four in five are none. */
const failing = { warning: 0.2, halt: 0.8 } as const;
/** Share of the rows that may be their own golden by accident, as the golden part's own photo is. */
const ownGoldenShare = 0.05;

type Place = Readonly<Record<string, unknown>>;

/** Rows whose pair is none: an image compared with itself, columns that changed places, photos of different places. */
export async function pairFindings(
  images: RowImages,
  index: ImageIndex,
  copies: Copies,
  signal?: AbortSignal,
): Promise<SetFinding[]> {
  const own = await ownGoldens(images, copies, signal);
  const looked = await lookAtSample(images, index, own, signal);
  const swapped = await swappedFinding(images, copies, signal);
  const found = [ownGoldenFinding(images.columns, own, looked), swapped, placeFinding(looked)];
  return found.filter((finding) => finding !== undefined);
}

/** Rows of which every image is its own golden, by file or by bytes: a byte a row, and the first of them. */
type OwnGoldens = {
  readonly flags: Uint8Array;
  readonly count: number;
  readonly defects: number;
  readonly first: number[];
};

async function ownGoldens(
  { columns, count, input, golden }: RowImages,
  copies: Copies,
  signal: AbortSignal | undefined,
): Promise<OwnGoldens> {
  const flags = new Uint8Array(columns.rows);
  const first: number[] = [];
  const isDefect = onceEachText(columns, (label) => !isPass(label));
  let [own, defects] = [0, 0];
  const look = (row: number): void => {
    for (let at = row * count; at < (row + 1) * count; at++) {
      if (copies.imageOf(input.at(at)) !== copies.imageOf(golden.at(at))) return;
    }
    flags[row] = 1;
    own++;
    if (isDefect(columns.label.at(row))) defects++;
    if (first.length < exampleLimit) first.push(row);
  };
  await inTurns(columns.rows, look, signal);
  return { flags, count: own, defects, first };
}

type Looked = { readonly rows: number; readonly apart: Place[]; readonly same: number[] };

/** Decodes some pairs, spread over the set, that are not one image anyway. */
async function lookAtSample(
  { columns, count, input, golden }: RowImages,
  index: ImageIndex,
  own: OwnGoldens,
  signal: AbortSignal | undefined,
): Promise<Looked> {
  const usable = createPackedList();
  const take = (row: number): void => {
    const [one, other] = [input.at(row * count), golden.at(row * count)];
    if (own.flags[row] === 0 && index.stateOf(one) === "ok" && index.stateOf(other) === "ok") usable.push(row);
  };
  await inTurns(columns.rows, take, signal);
  const step = Math.max(1, usable.length / sampleSize);
  const rows = Array.from({ length: Math.min(sampleSize, usable.length) }, (_, at) => usable.at(Math.floor(at * step)));
  const files = rows.map((row) => ({
    input: index.pathOf(index.identityOf(input.at(row * count))),
    golden: index.pathOf(index.identityOf(golden.at(row * count))),
  }));
  const likenesses = await comparePairs(files, signal);
  const looked = { rows: 0, apart: [] as Place[], same: [] as number[] };
  for (const [at, likeness] of likenesses.entries()) {
    const row = rows[at] ?? 0;
    if (likeness?.same) looked.same.push(row);
    if (typeof likeness?.correlation !== "number") continue;
    looked.rows++;
    if (likeness.correlation >= pairCorrelation) continue;
    const correlation = Math.round(likeness.correlation * 100) / 100;
    looked.apart.push({ ...placeOf(columns, row), golden: excerpt(files[at]?.golden ?? "", 300), correlation });
  }
  return looked;
}

function ownGoldenFinding(columns: RowColumns, own: OwnGoldens, looked: Looked): SetFinding | undefined {
  const count = own.count + looked.same.length;
  if (count === 0) return undefined;
  const defects = own.defects + looked.same.filter((row) => !isPass(textAt(columns, columns.label, row))).length;
  const sampledShare = looked.same.length / Math.max(1, looked.rows);
  const many = own.count > ownGoldenShare * columns.rows || (looked.same.length > 1 && sampledShare > ownGoldenShare);
  const seen =
    looked.same.length === 0 ? "" : `, ${looked.same.length} of them by the pixels of ${looked.rows} sampled pairs`;
  const named = defects === 0 ? "" : `, ${counted(defects, "defect")} among them`;
  return {
    code: "gate.own-golden",
    weight: defects > 0 || many ? "halt" : "warning",
    count,
    text: `the inspected image is its own golden in ${counted(count, "row")}${named}${seen}`,
    examples: [...own.first, ...looked.same].slice(0, exampleLimit).map((row) => placeOf(columns, row)),
  };
}

const goldenName = /(?:^|[/_-])(?:goldens?|references?|ref|templates?|masters?)(?:[/_-]|$)/i;

/**
 * Signs that `input_path` and `golden_path` changed places: the directories say so, or few images are inspected again
 * and again while each has a golden of its own.
 */
async function swappedFinding(
  { columns, count, input, golden }: RowImages,
  copies: Copies,
  signal: AbortSignal | undefined,
): Promise<SetFinding | undefined> {
  const { rows } = columns;
  const swapped: number[] = [];
  const [inputs, goldens] = [createNumberSet(), createNumberSet()];
  const isGolden = onceEachText(columns, (text) => goldenName.test(text));
  let named = 0;
  const look = (row: number): void => {
    inputs.add(copies.imageOf(input.at(row * count)));
    goldens.add(copies.imageOf(golden.at(row * count)));
    if (!isGolden(columns.input_path.at(row)) || isGolden(columns.golden_path.at(row))) return;
    named++;
    if (swapped.length < exampleLimit) swapped.push(row);
  };
  await inTurns(rows, look, signal);
  const byName = named > rows / 2;
  const byUse = rows >= 10 && inputs.size() < rows / 2 && goldens.size() > 0.9 * rows;
  if (!byName && !byUse) return undefined;
  const why = byName
    ? "its directories are named like goldens"
    : "it names few images, and golden_path one for each row";
  return {
    code: "gate.swapped-columns",
    weight: "warning",
    count: byName ? named : rows,
    text: `input_path and golden_path seem to have changed places: of input_path ${why}`,
    examples: (byName ? swapped : [0]).slice(0, exampleLimit).map((row) => placeOf(columns, row)),
  };
}

function placeFinding({ rows, apart }: Looked): SetFinding | undefined {
  const share = apart.length / Math.max(1, rows);
  if (apart.length < 2 || share < failing.warning) return undefined;
  const whole = share >= failing.halt;
  const verdict = whole ? "the photos are no pairs" : "these photos are no pairs, or their light differs much";
  return {
    code: "gate.pair-mismatch",
    weight: whole ? "halt" : "warning",
    count: apart.length,
    text: `${apart.length} of ${rows} sampled pairs show different places: ${verdict}`,
    examples: apart.slice(0, exampleLimit),
  };
}

function placeOf(columns: RowColumns, row: number): Place {
  return {
    line: columns.lines.at(row),
    object_name: excerpt(textAt(columns, columns.object_name, row), 80),
    label: excerpt(textAt(columns, columns.label, row), 80),
  };
}
