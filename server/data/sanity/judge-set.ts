import { isPass } from "../../run/pass-labels.ts";
import type { ImageIndex } from "../image-index.ts";
import { inTurns } from "../pause.ts";
import { onceEachText, rowsByLabel, textAt } from "../row-columns.ts";
import type { RowImages } from "../row-images.ts";
import { findCopies } from "./copies.ts";
import type { SetFinding } from "./finding.ts";
import { formatFindings, type Reader } from "./formats.ts";
import { labelFindings, oneClassFinding } from "./labels.ts";
import { pairFindings } from "./pairs.ts";
import { repeatedNumbers, repeatSearch } from "./repeats.ts";

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
  const copies = await findCopies([input, golden], index, options.signal);
  const labelOf = onceEachText(columns, (text) => ({ label: text, pass: isPass(text) }));
  const repeats = repeatSearch(
    (row) => ({
      file: index.identityOf(input.at(row * count)),
      line: columns.lines.at(row),
      ...labelOf(columns.label.at(row)),
    }),
    index.size(),
  );
  const imageOf = (row: number) => copies.imageOf(input.at(row * count));
  // Most images are inspected once: of them the search is to hold nothing.
  const again = await repeatedNumbers(columns.rows, imageOf, index.size(), options.signal);
  const add = (row: number): void => {
    const image = imageOf(row);
    if (again.has(image)) repeats.add(image, () => textAt(columns, columns.object_name, row));
    else repeats.pass();
  };
  await inTurns(columns.rows, add, options.signal);
  const labels = rowsByLabel(columns);
  return [
    ...labelFindings(labels),
    ...oneClassFinding(labels),
    ...repeats.findings(),
    ...(options.pairs === false ? [] : await pairFindings(images, index, copies, options.signal)),
    ...(await formatFindings([input, golden], index, options.reader, options.signal)),
  ];
}
