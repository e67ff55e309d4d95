import { createNumberList } from "../../server/data/number-list.ts";
import type { ParquetColumn } from "../../server/data/parquet.ts";
import { createPathTable } from "../../server/data/path-table.ts";
import { vectorBatches } from "../../server/data/process/vector-batches.ts";
import { EngineFailure } from "../failure.ts";
import type { ImageList } from "./image-list.ts";

/**
 * The images of a list with the vectors that a table of embeddings (`filepath`, `embedding`) has for them, in the order
 * of that table and a piece of it at a time: a table of any size takes no more memory than one piece and the list.
 *
 * @throws EngineFailure for an image without a vector, or with several.
 */
export async function* givenVectors(
  images: ImageList,
  table: string,
  spelled: (path: string) => string,
): AsyncGenerator<readonly ParquetColumn[]> {
  const rows = rowsByPath(images, spelled);
  const names = images.columns.filter((name) => name !== "embedding");
  const seen = new Uint8Array(images.size);
  let missing = images.size;
  yield [...images.columnsOf(names, []), { name: "embedding", type: "double_list", values: [] }];
  for await (const batch of vectorBatches(table, ["filepath", "embedding"])) {
    if (!("first" in batch)) continue;
    const [wanted, vectors]: [number[], number[][]] = [[], []];
    let end = 0;
    for (const [at, path] of batch.filepaths.entries()) {
      const length = batch.lengths[at] as number;
      end += length;
      if (length === 0) continue;
      for (const row of rows(spelled(path))) {
        if (seen[row] === 1) throw new EngineFailure("ValueError", `${table} has several embeddings of ${path}`);
        seen[row] = 1;
        missing--;
        wanted.push(row);
        vectors.push(Array.from(batch.values.subarray(end - length, end)));
      }
    }
    yield [...images.columnsOf(names, wanted), { name: "embedding", type: "double_list", values: vectors }];
  }
  if (missing === 0) return;
  const first = images.text("filepath", seen.indexOf(0));
  throw new EngineFailure("ValueError", `${table} has no embedding of ${missing} images, ${first} the first of them`);
}

/** The rows that show a file, from the last to the first. */
function rowsByPath(images: ImageList, spelled: (path: string) => string): (path: string) => Iterable<number> {
  const paths = createPathTable();
  const [last, before] = [createNumberList(), createNumberList()];
  for (let row = 0; row < images.size; row++) {
    const path = paths.numberOf(spelled(images.text("filepath", row)));
    if (path === last.length) last.push(-1);
    before.push(last.at(path));
    last.set(path, row);
  }
  return function* rowsOf(path) {
    const known = paths.find(path);
    for (let row = known < 0 ? -1 : last.at(known); row >= 0; row = before.at(row)) yield row;
  };
}
