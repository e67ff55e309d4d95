/** Whether a label means a good part for the KPI: `strip().upper() == "PASS"` (tao-stages 4.1). */
export function isPass(label: string): boolean {
  return label === "PASS" || label.trim().toUpperCase() === "PASS";
}

/** The on-disk form of a training label: `PASS`, else without blanks around it and in lower case (tao-stages 1.5). */
export function canonicalLabel(label: string): string {
  return isPass(label) ? "PASS" : label.trim().toLowerCase();
}

/** Tokens that the training loader's CSV reader turns into a missing value. */
const missingTokens = new Set([
  "",
  "#N/A",
  "#N/A N/A",
  "#NA",
  "-1.#IND",
  "-1.#QNAN",
  "-NaN",
  "-nan",
  "1.#IND",
  "1.#QNAN",
  "<NA>",
  "N/A",
  "NA",
  "NULL",
  "NaN",
  "None",
  "n/a",
  "nan",
  "null",
]);

/** Whether the loader reads the cell as missing: such a label counts as a defect, such a path ends the training. */
export function readsAsMissing(cell: string): boolean {
  return missingTokens.has(cell);
}

const numeric = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const otherwiseTyped = /^\s*(?:[+-]?(?:inf|infinity)|true|false)\s*$/i;

/**
 * Whether a cell alone would not keep its column textual: a column of nothing else is read as numbers or booleans,
 * and joining such a value to a path ends the training with a TypeError.
 */
export function looksNumeric(cell: string): boolean {
  return numeric.test(cell) || otherwiseTyped.test(cell);
}
