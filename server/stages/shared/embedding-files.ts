import { compareTables, type EmbeddedRows } from "../../data/nearest.ts";
import { createNumberList, type NumberList } from "../../data/number-list.ts";
import { eachPath, readParquet, textCell, writeParquet } from "../../data/parquet.ts";
import { createPathTable } from "../../data/path-table.ts";
import { Refusal } from "../../errors.ts";
import type { Mined } from "../../kpi/mining.ts";
import type { ReadEmbeddings } from "../../ports/stage.ts";
import { asEvidence, missing } from "./evidence.ts";

/** One image to embed, with its golden twin for encoders that compare the two. */
export type EmbeddingInput = { readonly filepath: string; readonly golden_filepath: string; readonly label: string };

/**
 * Writes the images to embed, each path once: the embedding step joins its answer back on the path, and a path given
 * twice would multiply rows. What was said last of a path counts.
 */
export async function writeEmbeddingInput(path: string, images: Iterable<EmbeddingInput>): Promise<void> {
  const [texts, goldens, labels] = [createPathTable(), createNumberList(), createNumberList()];
  const places = createPathTable();
  for (const { filepath, golden_filepath, label } of images) {
    const place = places.numberOf(filepath);
    if (place === goldens.length) for (const list of [goldens, labels]) list.push(0);
    goldens.set(place, texts.numberOf(golden_filepath));
    labels.set(place, texts.numberOf(label));
  }
  const values = (list: NumberList) => ({ length: places.size(), at: (row: number) => texts.at(list.at(row)) });
  await writeParquet(path, [
    { name: "filepath", type: "string", values: { length: places.size(), at: places.at } },
    { name: "golden_filepath", type: "string", values: values(goldens) },
    { name: "label", type: "string", values: values(labels) },
  ]);
}

/** Reads both tables of mining from the disk. @throws Refusal `stage.evidence-missing`. */
export const readEmbeddings: ReadEmbeddings = async (tables, asked) => {
  try {
    return await compareTables(tables, asked);
  } catch (error) {
    const path = error instanceof Refusal ? error.facts.path : undefined;
    return await asEvidence(String(path ?? tables.source), () => Promise.reject(error));
  }
};

/**
 * Proves that embeddings are those of the given inputs: one row an image, all of one length.
 *
 * @throws Refusal `stage.evidence-missing`.
 */
export async function assertEmbeds(path: string, rows: EmbeddedRows, inputPath: string): Promise<void> {
  const state = new Uint8Array(rows.size);
  let expected_rows = 0;
  await asEvidence(inputPath, () =>
    eachPath(inputPath, (filepath) => {
      const number = rows.find(filepath);
      if (state[number] !== asked) expected_rows++;
      if (number >= 0) state[number] = asked;
    }),
  );
  if (rows.size !== expected_rows) {
    const facts = { expected: expected_rows, actual: rows.size };
    throw missing(path, "has another number of rows than its input", facts);
  }
  let expected: number | undefined;
  for (const { filepath, number, length } of rows) {
    expected ??= length;
    if (state[number] !== asked) throw missing(path, "embeds an image that was not asked for", { filepath });
    state[number] = embedded;
    if (length > 0 && length === expected) continue;
    throw missing(path, "holds an unusable embedding", { filepath, length, expected });
  }
}

/** What is known of an image: it is in the input, and a row has it. */
const [asked, embedded] = [1, 2];

/** Paths of a mined parquet in their order; types of a file without rows are not looked at. */
export async function readMinedPaths(path: string): Promise<string[]> {
  const { columns, rows } = await asEvidence(path, () => readParquet(path, ["filepath"]));
  if (!columns.includes("filepath")) throw missing(path, "lacks filepath");
  return rows.map((row) => textCell(row, "filepath"));
}

/** Writes mined paths with the similarity that decided, and the weak image of each where that is known. */
export async function writeMined(path: string, mined: readonly Mined[]): Promise<void> {
  const weak = mined.map((one) => one.weak_filepath ?? "");
  await writeParquet(path, [
    { name: "filepath", type: "string", values: mined.map((one) => one.filepath) },
    { name: "max_cosine_similarity", type: "double", values: mined.map((one) => one.max_cosine_similarity) },
    ...(weak.some(Boolean) ? [{ name: "weak_filepath", type: "string" as const, values: weak }] : []),
  ]);
}
