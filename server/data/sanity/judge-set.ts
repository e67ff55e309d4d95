import { isPass } from "../../run/pass-labels.ts";
import type { ImageIndex } from "../image-index.ts";
import { type RowColumns, textAt } from "../row-columns.ts";
import type { RowImages } from "../row-images.ts";
import { findCopies } from "./copies.ts";
import type { SetFinding } from "./finding.ts";
import { formatFindings, type Reader } from "./formats.ts";
import { labelFindings, oneClassFinding } from "./labels.ts";
import { pairFindings } from "./pairs.ts";
import { repeatSearch } from "./repeats.ts";

type JudgeOptions = {
  readonly reader?: Reader | undefined;
  /** False leaves out what the images show, for rows that were looked at before. */
  readonly pairs?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Judges whether what is measured on a set of rows can mean anything: repeated and contradictory rows, pairs that are
 * none, labels that read like good parts, images that the loader reads otherwise.
 *
 * @param images rows whose images are numbered in `index` and looked at
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function judgeSet(
  images: RowImages,
  index: ImageIndex,
  options: JudgeOptions = {},
): Promise<SetFinding[]> {
  const { columns, count, input, golden } = images;
  const copies = await findCopies([...input, ...golden], index, options.signal);
  const repeats = repeatSearch();
  for (let row = 0; row < columns.rows; row++) {
    const image = input[row * count] ?? -1;
    const label = textAt(columns, columns.label, row);
    repeats.add({
      image: copies.imageOf(image),
      file: index.identityOf(image),
      pass: isPass(label),
      line: columns.lines[row] ?? 0,
      label,
      object_name: columns.object_name[row] ?? "",
    });
  }
  const labels = labelsOf(columns);
  return [
    ...labelFindings(labels),
    ...oneClassFinding(labels),
    ...repeats.findings(),
    ...(options.pairs === false ? [] : await pairFindings(images, index, copies, options.signal)),
    ...formatFindings([...input, ...golden], index, options.reader),
  ];
}

function labelsOf(columns: RowColumns): Map<string, number> {
  const counts = new Map<string, number>();
  for (let row = 0; row < columns.rows; row++) {
    const label = textAt(columns, columns.label, row);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}
