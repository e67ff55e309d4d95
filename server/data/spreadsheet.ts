import { writeRows } from "./csv.ts";

/**
 * Where a spreadsheet may take text for a formula: at the start of a cell, and after each character at which one of
 * another locale begins a new cell. Blanks and controls before the sign are no protection; the wide forms of the signs
 * are signs to some programs.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const formulaStart = /(?<=^|[;\t\r\n])(?=[\x00-\x20\xa0"\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/g;
const plainNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * A cell that no spreadsheet evaluates: an apostrophe stands before each place where a formula could begin. Numbers,
 * negative ones too, and all other text stay as they are.
 */
export function inertCell(value: string): string {
  return plainNumber.test(value) ? value : value.replace(formulaStart, "'");
}

/**
 * Writes a table that people open in a spreadsheet, its cells inert; otherwise like `writeRows`. A file that a program
 * reads back is written by that, byte for byte.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function writeSpreadsheet(path: string, rows: AsyncIterable<readonly string[]>): Promise<void> {
  async function* inert() {
    for await (const cells of rows) yield cells.map(inertCell);
  }
  await writeRows(path, inert());
}
