import { appendFileSync } from "node:fs";

/** Adds what a test measured to the file that DEFT_FIGURES names, one JSON line; without it nothing is kept. */
export function noteFigures(what: string, figures: Readonly<Record<string, number>>): void {
  const path = process.env.DEFT_FIGURES;
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ what, ...figures })}\n`);
}

/** Entries of a log that are missing from the sequence they should make, and those that are there twice. */
export function lostAndDoubled(found: readonly number[], expected: number): { lost: number; doubled: number } {
  const distinct = new Set(found);
  const wanted = Array.from({ length: expected }, (_, index) => index + 1);
  return { lost: wanted.filter((seq) => !distinct.has(seq)).length, doubled: found.length - distinct.size };
}
