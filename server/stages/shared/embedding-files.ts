import { compareTables, type EmbeddedRows } from "../../data/nearest.ts";
import { readParquet, textCell, writeParquet } from "../../data/parquet.ts";
import { Refusal } from "../../errors.ts";
import type { Mined } from "../../kpi/mining.ts";
import type { ReadEmbeddings } from "../../ports/stage.ts";
import { asEvidence, missing } from "./evidence.ts";

/** One image to embed, with its golden twin for encoders that compare the two. */
export type EmbeddingInput = { readonly filepath: string; readonly golden_filepath: string; readonly label: string };

/**
 * Writes the images to embed, each path once: the embedding step joins its answer back on the path, and a path given
 * twice would multiply rows.
 *
 * @returns how many were written.
 */
export async function writeEmbeddingInput(path: string, images: readonly EmbeddingInput[]): Promise<number> {
  const unique = [...new Map(images.map((image) => [image.filepath, image])).values()];
  await writeParquet(path, [
    { name: "filepath", type: "string", values: unique.map((image) => image.filepath) },
    { name: "golden_filepath", type: "string", values: unique.map((image) => image.golden_filepath) },
    { name: "label", type: "string", values: unique.map((image) => image.label) },
  ]);
  return unique.length;
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
  const inputs = await asEvidence(inputPath, () => readParquet(inputPath, ["filepath"]));
  const wanted = new Set(inputs.rows.map((row) => textCell(row, "filepath")));
  if (rows.length !== wanted.size) {
    throw missing(path, "has another number of rows than its input", { expected: wanted.size, actual: rows.length });
  }
  const expected = rows[0]?.length;
  for (const { filepath, length } of rows) {
    if (!wanted.delete(filepath)) throw missing(path, "embeds an image that was not asked for", { filepath });
    if (length > 0 && length === expected) continue;
    throw missing(path, "holds an unusable embedding", { filepath, length, expected });
  }
}

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
