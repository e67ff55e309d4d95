import { z } from "zod";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { type ImageLayout, suffixesOf } from "../run/images.ts";
import { canonicalLabel } from "../run/pass-labels.ts";
import { mandatoryColumns, refuseMissingColumns } from "./changenet.ts";
import { createImageIndex, type ImageIndex, questionOf } from "./image-index.ts";
import { keptAnswer } from "./kept-images.ts";
import { inTurns } from "./pause.ts";
import { digestImages } from "./process/image-batches.ts";
import { onceEachText, readRowColumns, textAt } from "./row-columns.ts";
import { numberImages, type RowImages } from "./row-images.ts";

/**
 * What figures are measured on: the KPI rows, each with its label and a digest of its images, by a short digest of the
 * cells that name the part, where there are not too many. The order of the rows counts for nothing.
 */
export const rulerSchema = z.object({
  digest: z.string(),
  rows: z.record(z.string(), z.tuple([z.string(), z.string()])).optional(),
});
export type Ruler = z.infer<typeof rulerSchema>;

/** How one ruler differs from another, in rows. */
export type RulerChange = {
  readonly added: number;
  readonly removed: number;
  readonly labels: number;
  readonly images: number;
};

/** Beyond this many rows a ruler says whether something changed, and not what: its rows would fill a gigabyte. */
const namedRows = 200_000;
/** Files of one request, so that not all paths are held at once. */
const filesAtOnce = 1 << 16;
const digestBytes = 32;

export type TakenRuler = { readonly ruler: Ruler; readonly rows: number };

/**
 * Takes the ruler of a KPI set: every image of every row is read, each once. An image that is not there is one of its own
 * kind, for the row checks to name. Memory: that of the columns, 32 bytes an image and 8 a row.
 *
 * @param most rows that are named
 * @throws Refusal `input.unreadable-file`, `gate.schema` for a table without the mandatory columns, what reading it
 * throws, or the reason of the signal.
 */
export async function rulerOf(
  csv: string,
  layout: ImageLayout,
  signal?: AbortSignal,
  most = namedRows,
): Promise<TakenRuler> {
  const columns = await readRowColumns(csv);
  refuseMissingColumns(csv, columns.header, mandatoryColumns);
  const index = createImageIndex({ endings: suffixesOf(layout), texts: columns.texts });
  const images = await numberImages(columns, layout.images_dir, layout, index);
  await index.look(signal);
  const question = questionOf(index, [columns.sha256, images.count, most]);
  return await keptAnswer("ruler", question, async () => {
    return await rulerOn(images, await digestsOf(index, signal), most, signal);
  });
}

async function rulerOn(
  { columns, input, golden, count }: RowImages,
  digestOf: (image: number) => string,
  most: number,
  signal: AbortSignal | undefined,
): Promise<TakenRuler> {
  const labelOf = onceEachText(columns, canonicalLabel);
  const rowAt = (row: number): RulerRow => {
    const { input_path, golden_path, object_name, boardname } = columns;
    const name = [input_path, golden_path, object_name, boardname].map((column) => textAt(columns, column, row));
    const shown = [];
    for (let at = row * count; at < (row + 1) * count; at++) {
      shown.push(digestOf(input.at(at)), digestOf(golden.at(at)));
    }
    return { name: short(name), label: labelOf(columns.label.at(row)), images: short(shown) };
  };
  const rulerOf = columns.rows > most ? unnamed : named;
  return { ruler: await rulerOf(columns.rows, rowAt, signal), rows: columns.rows };
}

type RulerRow = { readonly name: string; readonly label: string; readonly images: string };

async function named(rows: number, rowAt: (row: number) => RulerRow, signal?: AbortSignal): Promise<Ruler> {
  const found: Record<string, [string, string]> = {};
  const take = (row: number): void => {
    const { name, label, images } = rowAt(row);
    found[freeKey(found, name)] = [label, images];
  };
  await inTurns(rows, take, signal);
  return { digest: sha256(canonicalJson(found)), rows: found };
}

/** A digest over the sorted digests of all rows. */
async function unnamed(rows: number, rowAt: (row: number) => RulerRow, signal?: AbortSignal): Promise<Ruler> {
  const digests = new BigUint64Array(rows);
  const take = (row: number): void => {
    const { name, label, images } = rowAt(row);
    digests[row] = BigInt(`0x${short([name, label, images])}`);
  };
  await inTurns(rows, take, signal);
  digests.sort();
  return { digest: sha256(new Uint8Array(digests.buffer)) };
}

/** The digest of every file of an index as text, `absent` for one that is not there. */
async function digestsOf(index: ImageIndex, signal?: AbortSignal): Promise<(image: number) => string> {
  const found = Buffer.alloc(digestBytes * index.size());
  const present = new Uint8Array(index.size());
  for (let from = 0; from < index.size(); from += filesAtOnce) {
    const files: number[] = [];
    for (let file = from; file < Math.min(index.size(), from + filesAtOnce); file++) {
      if (index.isThere(file) && index.identityOf(file) === file) files.push(file);
    }
    const digests = await digestImages({ index, images: files }, signal);
    for (const [at, file] of files.entries()) {
      found.write(digests[at] ?? "", digestBytes * file, "hex");
      present[file] = 1;
    }
  }
  return (image) => {
    const file = index.identityOf(image);
    return present[file] === 1 ? found.toString("hex", digestBytes * file, digestBytes * (file + 1)) : "absent";
  };
}

/** A row that stands there twice counts twice. */
function freeKey(rows: NonNullable<Ruler["rows"]>, key: string): string {
  let free = key;
  for (let copy = 2; Object.hasOwn(rows, free); copy++) free = `${key}#${copy}`;
  return free;
}

function short(parts: readonly string[]): string {
  return sha256(parts.join("\0")).slice(0, 16);
}

/** Undefined for equal rulers, and where one of them names no rows. */
export function rulerChange(before: Ruler, now: Ruler): RulerChange | undefined {
  if (before.digest === now.digest || before.rows === undefined || now.rows === undefined) return undefined;
  const change = { added: 0, removed: 0, labels: 0, images: 0 };
  for (const [key, [label, images]] of Object.entries(now.rows)) {
    const old = before.rows[key];
    if (old === undefined) change.added++;
    else {
      if (old[0] !== label) change.labels++;
      if (old[1] !== images) change.images++;
    }
  }
  for (const key of Object.keys(before.rows)) if (now.rows[key] === undefined) change.removed++;
  return change;
}

/** `18 labels and the images of 2 rows changed, 3 rows added`. */
export function rulerChangeText({ added, removed, labels, images }: RulerChange): string {
  const parts = [
    ...(labels === 0 ? [] : [`${labels} label${labels === 1 ? "" : "s"} changed`]),
    ...(images === 0 ? [] : [`the images of ${rowsText(images)} changed`]),
    ...(added === 0 ? [] : [`${rowsText(added)} added`]),
    ...(removed === 0 ? [] : [`${rowsText(removed)} removed`]),
  ];
  return parts.join(", ");
}

function rowsText(count: number): string {
  return `${count} row${count === 1 ? "" : "s"}`;
}
