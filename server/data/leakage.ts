import { excerpt } from "../errors.ts";
import { suffixesOf } from "../run/images.ts";
import { mandatoryColumns, refuseMissingColumns } from "./changenet.ts";
import type { Contents } from "./content-cache.ts";
import { contentMatches } from "./content-matches.ts";
import { heldKeys } from "./held-keys.ts";
import { createImageIndex, type ImageIndex } from "./image-index.ts";
import { inTurns } from "./pause.ts";
import { type RowColumns, readRowColumns, textAt } from "./row-columns.ts";
import { type Lightings, numberImages, type RowImages, rootOf } from "./row-images.ts";

/** One row of the training side that stands on the held-out side too. */
export type Leak = {
  /** Physical lines in either file. */
  readonly line: number;
  readonly held_line: number;
  /** How the two were found to be the same: equal key, same image file, same image content. */
  readonly by: "key" | "path" | "content";
  readonly object_name: string;
};

export type Leakage = {
  readonly count: number;
  readonly examples: readonly Leak[];
  /** Rows that show nearly the same image, as a re-compressed copy does: a warning, since twins look alike too. */
  readonly near: { readonly count: number; readonly examples: readonly Omit<Leak, "by">[] };
  /** Images that nothing here decodes: only a copy of the same bytes is found among them. */
  readonly undecoded: number;
};

/** A CSV and the directories its relative paths may start from, the likeliest first. */
export type CsvSide = { readonly csv: string; readonly roots: readonly string[] };

type Options = { readonly contents?: Contents; readonly signal?: AbortSignal | undefined };

const exampleLimit = 5;
/** Rows that may be mere twins are a person's to look at: each is named as far as a reader can bear. */
const nearLimit = 50;

/**
 * Finds rows of `training` (a training set or a pool) that each of `held` (validation or KPI rows) has too.
 *
 * The published key (input_path, golden_path, label, object_name, boardname where both have it) is compared with
 * normal spelling and canonical labels; images are compared as files, whatever directory each CSV is relative to; with
 * `contents` also by what they show. A training row leaks through its golden image as well.
 *
 * @throws Refusal what reading a CSV throws.
 */
export async function findLeakage<const Held extends readonly CsvSide[]>(
  training: CsvSide,
  held: Held,
  lightings: Lightings,
  options: Options = {},
): Promise<{ readonly [Side in keyof Held]: Leakage }> {
  const index = createImageIndex({ endings: suffixesOf(lightings) });
  const left = await placeCsv(training, lightings, index);
  const sides: RowImages[] = [];
  for (const one of held) sides.push(await placeCsv(one, lightings, index));
  await index.probe(options.signal);
  const found: Leakage[] = [];
  for (const right of sides) found.push(await leakageBetween(left, right, index, options));
  return found as { [Side in keyof Held]: Leakage };
}

/** Reads a CSV and numbers its images under the root that fits it. */
export async function placeCsv(side: CsvSide, lightings: Lightings, index: ImageIndex): Promise<RowImages> {
  const columns = await readRowColumns(side.csv);
  refuseMissingColumns(side.csv, columns.header, mandatoryColumns);
  return await numberImages(columns, rootOf(columns, side.roots, lightings), lightings, index);
}

/** `findLeakage` on CSVs whose images are numbered in one index and looked at. */
export async function leakageBetween(
  training: RowImages,
  held: RowImages,
  index: ImageIndex,
  options: Options = {},
): Promise<Leakage> {
  const rowWithKey = await heldKeys(training.columns, held.columns, options.signal);
  const heldRows = inspectingRows(held, index);
  const rowWithFile = fileTable(training, heldRows, index);
  const contents = await contentTable({ training, held, heldRows }, index, options);
  const leaks = leakList(training.columns, held.columns);
  const near = leakList(training.columns, held.columns, nearLimit);
  const judge = (row: number): void => {
    const found = tagged("key", rowWithKey(row)) ?? tagged("path", rowWithFile(row));
    if (found !== undefined) {
      leaks.add(row, found);
      return;
    }
    const alike = contents.find(row);
    if (alike === undefined) return;
    if (alike.likeness === "near") near.add(row, { by: "content", heldRow: alike.heldRow });
    else leaks.add(row, { by: "content", heldRow: alike.heldRow });
  };
  await inTurns(training.columns.rows, judge, options.signal);
  const { count, examples } = near.all();
  const places = examples.map(({ by: _by, ...place }) => place);
  return { ...leaks.all(), near: { count, examples: places }, undecoded: contents.undecoded };
}

function leakList(training: RowColumns, held: RowColumns, most = exampleLimit) {
  const examples: Leak[] = [];
  let count = 0;
  return {
    add(row: number, found: Found): void {
      count++;
      if (examples.length < most) examples.push(leakOf(training, row, held, found));
    },
    all: () => ({ count, examples }),
  };
}

type Found = { readonly by: Leak["by"]; readonly heldRow: number };

function tagged(by: Leak["by"], heldRow: number | undefined): Found | undefined {
  return heldRow === undefined ? undefined : { by, heldRow };
}

function leakOf(columns: RowColumns, row: number, held: RowColumns, { by, heldRow }: Found): Leak {
  const object_name = excerpt(textAt(columns, columns.object_name, row), 80);
  return { line: columns.lines.at(row), held_line: held.lines.at(heldRow), by, object_name };
}

/** The first held row that inspects an image, by the number of its file; -1 where none does. */
function inspectingRows(held: RowImages, index: ImageIndex): Int32Array {
  const rows = new Int32Array(index.size()).fill(-1);
  for (let at = held.input.length - 1; at >= 0; at--) {
    rows[index.identityOf(held.input.at(at))] = Math.floor(at / held.count);
  }
  return rows;
}

/** Finds the held row whose inspected image is an image, input or golden, of a training row. */
function fileTable(training: RowImages, heldRows: Int32Array, index: ImageIndex): (row: number) => number | undefined {
  return (row) => {
    for (let at = row * training.count; at < (row + 1) * training.count; at++) {
      for (const image of [training.input.at(at), training.golden.at(at)]) {
        const found = heldRows[index.identityOf(image)] ?? -1;
        if (found >= 0) return found;
      }
    }
    return undefined;
  };
}

type Alike = { readonly heldRow: number; readonly likeness: "copy" | "near" };

/** Finds the held row whose inspected image shows what an image of a training row shows: a copy first, then a near one. */
async function contentTable(
  { training, held, heldRows }: { training: RowImages; held: RowImages; heldRows: Int32Array },
  index: ImageIndex,
  options: Options,
) {
  if (options.contents === undefined) return { undecoded: 0, find: () => undefined };
  const { matches, undecoded } = await contentMatches(training, held, index, options.contents, options.signal);
  const find = (row: number): Alike | undefined => {
    let near: Alike | undefined;
    for (let at = row * training.count; at < (row + 1) * training.count; at++) {
      for (const image of [training.input.at(at), training.golden.at(at)]) {
        const match = matches.get(index.identityOf(image));
        if (match === undefined) continue;
        const found = { heldRow: heldRows[match.held] ?? 0, likeness: match.likeness };
        if (found.likeness === "copy") return found;
        near ??= found;
      }
    }
    return near;
  };
  return { undecoded, find };
}
