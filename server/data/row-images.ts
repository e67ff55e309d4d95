import { realPathIfPresent } from "../fs/head.ts";
import { type ImageLayout, imagePath, joinPath, suffixesOf } from "../run/images.ts";
import type { ImageIndex } from "./image-index.ts";
import { createPackedList, type NumberColumn } from "./number-list.ts";
import { inTurns } from "./pause.ts";
import { onceEachText, type RowColumns, textAt } from "./row-columns.ts";

export type Lightings = Pick<ImageLayout, "lightings" | "image_ext">;

/** The images of every row of a CSV, numbered in one index: `count` a row, in `input_map` order. */
export type RowImages = {
  readonly columns: RowColumns;
  /** The directory that the CSV's relative paths start from. */
  readonly images_dir: string;
  readonly count: number;
  /** Image `row * count + lighting`. */
  readonly input: NumberColumn;
  readonly golden: NumberColumn;
};

const sampleSize = 64;

/**
 * The root under which most of a CSV's images exist. Base CSVs are relative to the images root, iteration CSVs to the
 * workspace, a pool often to its own directory (tao-stages 1.6); the file does not say which. The first wins a tie.
 */
export function rootOf(columns: RowColumns, roots: readonly string[], lightings: Lightings): string {
  let best = { root: roots[0] ?? "/", hits: 0 };
  if (roots.length === 1) return best.root;
  const step = Math.max(1, Math.floor(columns.rows / sampleSize));
  for (const root of roots) {
    let hits = 0;
    for (let row = 0; row < columns.rows; row += step) {
      const layout = { ...lightings, images_dir: root };
      const directory = textAt(columns, columns.input_path, row);
      const path = imagePath(layout, directory, textAt(columns, columns.object_name, row), lightings.lightings[0]);
      if (realPathIfPresent(path) !== undefined) hits++;
    }
    if (hits > best.hits) best = { root, hits };
  }
  return best.root;
}

/** Numbers the images of every row; nothing is looked at yet. */
export async function numberImages(
  columns: RowColumns,
  images_dir: string,
  lightings: Lightings,
  index: ImageIndex,
): Promise<RowImages> {
  const suffixes = suffixesOf(lightings);
  const count = suffixes.length;
  const [input, golden] = [createPackedList(), createPackedList()];
  const numberings = suffixes.map((suffix) => {
    const numbering = index.numbering(columns.texts, suffix);
    return (directory: string, name: string, text: number): number => {
      if (numbering !== undefined && !name.includes("/")) return numbering(directory, text);
      return index.numberOf(name.startsWith("/") ? "" : directory, name + suffix);
    };
  });
  const directoryOf = onceEachText(columns, (text) => withoutSlash(joinPath(images_dir, text)));
  await inTurns(columns.rows, (row) => {
    const text = columns.object_name.at(row);
    const object = columns.texts.at(text);
    const from = directoryOf(columns.input_path.at(row));
    const reference = directoryOf(columns.golden_path.at(row));
    for (const numberOf of numberings) {
      input.push(numberOf(from, object, text));
      golden.push(numberOf(reference, object, text));
    }
  });
  return { columns, images_dir, count, input, golden };
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.replace(/\/+$/, "") || "/" : path;
}
