import { parse } from "yaml";
import { csvScanner } from "../data/csv-scanner.ts";
import { absent, type Mismatch, mismatches } from "./compare.ts";
import type { JobInput } from "./format.ts";
import type { ReadInput } from "./job-inputs.ts";
import { type StoredFile, textOf } from "./stored-file.ts";
import { mapTexts } from "./symbols.ts";

/** One place in a file that a job was given. */
export type InputMismatch = Mismatch & { readonly file: string };

/** Rows that a file gained or lost move all others: what follows says nothing more. */
const shownOfFile = 20;

/**
 * Where the files given to a job part from the recorded ones: a key of a spec, a cell of a table, a line of a text.
 * Nowhere, when none were recorded.
 */
export function inputMismatches(
  recorded: readonly JobInput[] | undefined,
  now: readonly ReadInput[],
  files: ReadonlyMap<string, StoredFile>,
  newFields: boolean,
): InputMismatch[] {
  if (recorded === undefined) return [];
  const paths = [...recorded, ...now.map(({ input }) => input)].map(({ path }) => path);
  return [...new Set(paths)].flatMap((path) => {
    const before = recorded.find((one) => one.path === path);
    const after = now.find(({ input }) => input.path === path);
    if (before?.sha256 === after?.input.sha256) return [];
    // A job's arguments, or a spec of it, name its inputs: one that is new shows there too.
    if (before === undefined && (newFields || after?.long === true)) return [];
    const content = before?.stored === undefined ? undefined : files.get(before.stored);
    const found =
      content === undefined || after?.file === undefined
        ? [{ path: "content", expected: shortOf(before), actual: shortOf(after?.input) }]
        : contentMismatches(path, textOf(content), textOf(after.file), newFields);
    return found.slice(0, shownOfFile).map((one) => ({ file: path, ...one }));
  });
}

function shortOf(input: JobInput | undefined): string {
  return input === undefined ? absent : `sha256 ${input.sha256.slice(0, 12)}`;
}

function contentMismatches(path: string, before: string, after: string, newFields: boolean): Mismatch[] {
  const [one, other] = [contentOf(path, before), contentOf(path, after)];
  const isValue = one !== undefined && other !== undefined;
  const found = isValue ? valueMismatches(one, other, newFields) : [];
  if (found.length > 0) return found;
  if (isValue && newFields && valueMismatches(one, other, false).length > 0) return [];
  // No values, or the same ones spelled otherwise.
  const lines = mismatches(before.split("\n"), after.split("\n"), false);
  return lines.map((place) => ({ ...place, path: `line ${Number(place.path.slice(1, -1)) + 1}` }));
}

function valueMismatches(one: unknown, other: unknown, newFields: boolean): Mismatch[] {
  if (!Array.isArray(one) || !Array.isArray(other)) return mismatches(one, other, newFields);
  const counts = mismatches({ rows: one.length }, { rows: other.length }, false);
  return [...counts, ...mismatches(one, other, newFields, "rows")];
}

/** What a file says, where its kind is known and it is of it: a document, or rows by column. */
function contentOf(path: string, text: string): unknown {
  try {
    if (/\.(ya?ml|json)$/i.test(path)) return documentOf(text);
    if (/\.jsonl$/i.test(path)) return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
    if (/\.csv$/i.test(path)) return csvRows(text);
    return /\.parquet$/i.test(path) ? tableRows(JSON.parse(text)) : undefined;
  } catch {
    // Not of its kind, which is for the job to say: it is compared line by line.
    return undefined;
  }
}

/** To YAML a name such as `{workspace}` is a mapping. */
function documentOf(text: string): unknown {
  const plain = text.replace(/\{([a-z]+\d*(?:-\d+)?)\}/g, "<$1>");
  return mapTexts(parse(plain), (one) => one.replace(/<([a-z]+\d*(?:-\d+)?)>/g, "{$1}"));
}

function csvRows(text: string): unknown[] {
  const rows: string[][] = [];
  const scanner = csvScanner((cells) => void rows.push(cells));
  scanner.push(text);
  scanner.end();
  const [header = [], ...rest] = rows;
  return rest.map((cells) => Object.fromEntries(cells.map((cell, at) => [header[at] ?? at, cell])));
}

function tableRows(columns: readonly { name: string; values: unknown[] }[]): unknown[] {
  const count = Math.max(0, ...columns.map(({ values }) => values.length));
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(columns.map(({ name, values }) => [name, values[row]])),
  );
}
