import { basename, dirname } from "node:path";
import { excerpt, Refusal } from "../../errors.ts";
import { realPathOf } from "../../fs/contained.ts";
import { joinPath, normalPath } from "../../run/images.ts";
import { isPass } from "../../run/pass-labels.ts";
import { heldListings } from "./listings.ts";
import { byColumn, objectOf, type PoolRow, type PoolSource, poolImages, poolLines, suffixes } from "./mining-pool.ts";

/**
 * Finds the images of every pool row, all of them or none (tao-stages 4.5): row by row, the refusal last.
 *
 * A path may be relative to the CSV's directory or to the images root, and name a directory or the file itself;
 * exactly one existing file must answer, and each further lighting must lie beside the first.
 *
 * @param onRead is told of each directory on which the answers rest, before it is read
 * @throws Refusal `gate.empty-pool` for a pool that is absent or has no row.
 * @throws Refusal `gate.missing-image` listing the rows that resolve to no file, or to several.
 */
export async function* resolvePool(
  source: PoolSource,
  onRead?: (directory: string) => void,
): AsyncGenerator<PoolRow, void, undefined> {
  const finder = imageFinder(source, onRead);
  const examples: string[] = [];
  let failures = 0;
  for await (const { header, cells, line } of poolLines(source.csv_path)) {
    const found = await resolveRow(source, header, cells, finder);
    if (!("failure" in found)) {
      yield found;
      continue;
    }
    failures++;
    if (examples.length < exampleLimit) examples.push(`line ${line}: ${found.failure}`);
  }
  if (failures > 0) {
    const facts = { path: source.csv_path, rows: failures, examples };
    throw new Refusal("gate.missing-image", "Rows of the mining pool do not resolve to exactly one image.", facts);
  }
}

const exampleLimit = 10;

type Finder = {
  /** Existing files that a value of the pool may mean, one a real file. */
  find(value: string, objectName: string): Promise<string[]>;
  holds(path: string): Promise<boolean>;
};

async function resolveRow(
  source: PoolSource,
  header: readonly string[],
  cells: readonly string[],
  finder: Finder,
): Promise<PoolRow | { failure: string }> {
  const row = byColumn(header, cells);
  const value = row.filepath || row.input_path || row.image_path || "";
  const [input, ...others] = await finder.find(value, row.object_name ?? "");
  if (input === undefined || others.length > 0) return unresolved("input", value, input ? others.length + 1 : 0);
  const object = objectOf(input, source);
  if (object === undefined)
    return { failure: `its name lacks lighting or extension (${excerpt(basename(input), 80)})` };
  const goldenValue = row.golden_filepath || row.golden_path || "";
  const goldens = await finder.find(goldenValue, object);
  if (goldenValue !== "" && goldens.length !== 1) return unresolved("golden", goldenValue, goldens.length);
  const label = row.label ?? "";
  if (goldenValue === "" && !isPass(label)) return { failure: "a defect row without golden_path" };
  const golden_dir = goldens[0] === undefined ? undefined : dirname(goldens[0]);
  const found = { cells: row, label, object_name: object, input_dir: dirname(input), golden_dir };
  const absent = await absentLighting(found, source, finder);
  return absent === undefined ? found : { failure: `a lighting is missing (${excerpt(basename(absent), 80)})` };
}

function unresolved(what: string, value: string, files: number): { failure: string } {
  return { failure: `${what} resolved ${files} files (${excerpt(value, 80)})` };
}

async function absentLighting(row: PoolRow, source: PoolSource, finder: Finder): Promise<string | undefined> {
  for (const { input, golden } of poolImages(row, source)) {
    if (!(await finder.holds(input))) return input;
    if (golden !== undefined && !(await finder.holds(golden))) return golden;
  }
  return undefined;
}

function imageFinder(source: PoolSource, onRead?: (directory: string) => void): Finder {
  const holds = heldListings(onRead);
  const suffix = suffixes(source)[0] ?? "";
  return {
    holds,
    async find(value, objectName) {
      if (value === "") return [];
      const underImages = value.startsWith("images/") ? value.slice("images/".length) : value;
      const bases = [
        joinPath(dirname(source.csv_path), value),
        joinPath(source.images_dir, underImages),
        joinPath(source.filepath_root, value),
      ];
      const spellings = bases.flatMap((base) => [
        ...(base.endsWith(source.image_ext) ? [base] : []),
        ...(objectName === "" ? [] : [joinPath(base, objectName + suffix)]),
      ]);
      const present: string[] = [];
      for (const path of new Set(spellings.map(normalPath))) if (await holds(path)) present.push(path);
      // One file cannot be two: only several are asked for what they really are.
      if (present.length <= 1) return present;
      const found = new Map<string, string>();
      for (const path of present) {
        const real = await realPathOf(path);
        if (!found.has(real)) found.set(real, path);
      }
      return [...found.values()];
    },
  };
}
