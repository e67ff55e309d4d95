import { z } from "zod";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { stampOf } from "../fs/stamp.ts";
import { type ImageLayout, imagesOf } from "../run/images.ts";
import { canonicalLabel } from "../run/pass-labels.ts";
import type { ChangeNetTable } from "./changenet.ts";
import { digestFiles } from "./process/image-batches.ts";

/**
 * What figures are measured on: the KPI rows, each with its label and a digest of its images, by a short digest of the
 * cells that name the part. The order of the rows counts for nothing.
 */
export const rulerSchema = z.object({
  digest: z.string(),
  rows: z.record(z.string(), z.tuple([z.string(), z.string()])),
});
export type Ruler = z.infer<typeof rulerSchema>;

/** How one ruler differs from another, in rows. */
export type RulerChange = {
  readonly added: number;
  readonly removed: number;
  readonly labels: number;
  readonly images: number;
};

/**
 * Takes the ruler of a KPI set: every image of every row is read. An image that is not there is one of its own kind, for
 * the row checks to name.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function rulerOf(
  { rows }: Pick<ChangeNetTable, "rows">,
  layout: ImageLayout,
  signal?: AbortSignal,
): Promise<Ruler> {
  const images = rows.map((row) => imagesOf(row, layout).flatMap(({ input, golden }) => [input, golden]));
  const paths = [...new Set(images.flat())].filter((path) => stampOf(path) !== "absent");
  const digests = await digestFiles(paths, signal);
  const digestOf = new Map(paths.map((path, at) => [path, digests[at] ?? ""]));
  const found: Ruler["rows"] = {};
  for (const [at, row] of rows.entries()) {
    const name = [row.input_path, row.golden_path, row.object_name, row.boardname ?? ""];
    const shown = (images[at] ?? []).map((path) => digestOf.get(path) ?? "absent");
    found[freeKey(found, short(name))] = [canonicalLabel(row.label), short(shown)];
  }
  return { digest: sha256(canonicalJson(found)), rows: found };
}

/** A row that stands there twice counts twice. */
function freeKey(rows: Ruler["rows"], key: string): string {
  let free = key;
  for (let copy = 2; Object.hasOwn(rows, free); copy++) free = `${key}#${copy}`;
  return free;
}

function short(parts: readonly string[]): string {
  return sha256(parts.join("\0")).slice(0, 16);
}

/** Undefined for equal rulers. */
export function rulerChange(before: Ruler, now: Ruler): RulerChange | undefined {
  if (before.digest === now.digest) return undefined;
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
