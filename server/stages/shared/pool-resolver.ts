import { basename, dirname } from "node:path";
import { byColumn } from "../../data/changenet.ts";
import { excerpt, Refusal } from "../../errors.ts";
import { realPathSync } from "../../fs/contained.ts";
import { joinPath, normalPath, suffixesOf } from "../../run/images.ts";
import { isPass } from "../../run/pass-labels.ts";
import { heldListings, type Listings } from "./listings.ts";
import { objectOf, type PoolRow, type PoolSource, poolLines } from "./mining-pool.ts";

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
  const listings = heldListings(onRead);
  const finder = imageFinder(source, listings);
  const examples: string[] = [];
  let failures = 0;
  for await (const { header, cells, line } of poolLines(source.csv_path)) {
    let found = resolveRow(source, header, cells, finder);
    while (listings.lacks()) {
      await listings.readMore();
      found = resolveRow(source, header, cells, finder);
    }
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
  find(value: string, objectName: string): string[];
  holds(path: string): boolean;
};

function resolveRow(
  source: PoolSource,
  header: readonly string[],
  cells: readonly string[],
  finder: Finder,
): PoolRow | { failure: string } {
  const row = byColumn(header, cells);
  const value = row.filepath || row.input_path || row.image_path || "";
  const [input, ...others] = finder.find(value, row.object_name ?? "");
  if (input === undefined || others.length > 0) return unresolved("input", value, input ? others.length + 1 : 0);
  const object = objectOf(input, source);
  if (object === undefined)
    return { failure: `its name lacks lighting or extension (${excerpt(basename(input), 80)})` };
  const goldenValue = row.golden_filepath || row.golden_path || "";
  const goldens = finder.find(goldenValue, object);
  if (goldenValue !== "" && goldens.length !== 1) return unresolved("golden", goldenValue, goldens.length);
  const label = row.label ?? "";
  if (goldenValue === "" && !isPass(label)) return { failure: "a defect row without golden_path" };
  const golden_dir = goldens[0] === undefined ? undefined : dirname(goldens[0]);
  const found = { cells: row, label, object_name: object, input_dir: dirname(input), golden_dir };
  const absent = absentLighting(found, source, finder);
  return absent === undefined ? found : { failure: `a lighting is missing (${excerpt(basename(absent), 80)})` };
}

function unresolved(what: string, value: string, files: number): { failure: string } {
  return { failure: `${what} resolved ${files} files (${excerpt(value, 80)})` };
}

function absentLighting(row: PoolRow, source: PoolSource, finder: Finder): string | undefined {
  for (const suffix of suffixesOf(source)) {
    for (const directory of [row.input_dir, row.golden_dir]) {
      const path = `${directory === "/" ? "" : directory}/${row.object_name}${suffix}`;
      if (directory !== undefined && !finder.holds(path)) return path;
    }
  }
  return undefined;
}

function imageFinder(source: PoolSource, { holds }: Listings): Finder {
  const suffix = suffixesOf(source)[0] ?? "";
  const roots = [dirname(source.csv_path), source.images_dir, source.filepath_root];
  return {
    holds,
    find(value, objectName) {
      if (value === "") return [];
      const underImages = value.startsWith("images/") ? value.slice("images/".length) : value;
      const present: string[] = [];
      const look = (spelled: string): void => {
        const path = normalPath(spelled);
        if (!present.includes(path) && holds(path)) present.push(path);
      };
      for (const [at, root] of roots.entries()) {
        const base = joinPath(root, at === 1 ? underImages : value);
        if (base.endsWith(source.image_ext)) look(base);
        if (objectName !== "") look(joinPath(base, objectName + suffix));
      }
      // One file cannot be two: only several are asked for what they really are.
      if (present.length <= 1) return present;
      const found = new Map<string, string>();
      for (const path of present) {
        const real = realPathSync(path) ?? path;
        if (!found.has(real)) found.set(real, path);
      }
      return [...found.values()];
    },
  };
}
