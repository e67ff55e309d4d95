import { isGoodWord, plainLabel } from "../data/sanity/labels.ts";
import { looksNumeric, readsAsMissing } from "../run/pass-labels.ts";

/** Decides which labels mean a good part: the known words, `0` of numbers, and what the person named. */
export function goodTest(named: readonly string[]): (label: string) => boolean {
  const more = new Set(named.map(plainLabel));
  return (label) => more.has(plainLabel(label)) || (named.length === 0 && isGoodWord(label));
}

/**
 * The label of a defect as the loop writes it: lower case, no blanks, and nothing that a loader reads as a number or as
 * missing, or that a file name or `TEXTURE+TYPE` cannot hold.
 */
export function defectLabel(label: string): string {
  const name = label
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  return name === "" || looksNumeric(name) || readsAsMissing(name) ? `defect-${name || "unnamed"}` : name;
}
