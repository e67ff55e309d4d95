import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { changenetColumns } from "../../server/data/changenet.ts";
import { csvPieces } from "../../server/data/csv.ts";

/** The smallest JPEG header that names a size; enough for checks that read headers. */
export const tinyJpeg = Buffer.from([
  0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 8, 0, 8, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1,
]);

type Cells = Partial<Record<string, string>>;

/** A row whose images are `boards/b0/<object>` and `golden/b0/<object>` unless told otherwise. */
export function boardRow(object_name: string, cells: Cells = {}): Cells {
  return { input_path: "boards/b0/", golden_path: "golden/b0/", label: "PASS", object_name, boardname: "b0", ...cells };
}

/** Writes rows as a CSV of the 14 published columns and returns its path. */
export async function writeRows(path: string, rows: readonly Cells[]): Promise<string> {
  const cells = rows.map((row) => changenetColumns.map((column) => row[column] ?? ""));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, [...csvPieces([...changenetColumns], cells)].join(""));
  return path;
}

/** Puts image files under a workspace, each `directory/object_SolderLight.jpg`, and no two alike unless told otherwise. */
export async function putImages(workspace: string, paths: readonly string[], content?: Uint8Array) {
  for (const path of paths) {
    const file = join(workspace, `${path}_SolderLight.jpg`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content ?? Buffer.concat([tinyJpeg, Buffer.from(path)]));
  }
}
