import { realPathIfPresent } from "../fs/head.ts";
import { normalPath } from "../run/images.ts";
import { createNameTable } from "./path-table.ts";

/** Files by number, in the order of their first mention; other spellings of a directory give the same numbers. */
export type FileNumbers = {
  /** The number of the file `name` in the absolute directory; `name` may hold slashes. */
  numberOf(directory: string, name: string): number;
  /** The real path of the file's directory, or its normal spelling when there is none. */
  directoryOf(file: number): string;
  directoryExists(file: number): boolean;
  /** The file's name in its directory. */
  nameOf(file: number): string;
  pathOf(file: number): string;
  size(): number;
};

/** Numbers files without looking at them; each directory is resolved once. */
export function createFileNumbers(): FileNumbers {
  const bySpelling = new Map<string, number>();
  const byPath = new Map<string, number>();
  const directories: { readonly path: string; readonly exists: boolean }[] = [];
  const names = createNameTable();

  const directoryAt = (spelling: string): number => {
    const known = bySpelling.get(spelling);
    if (known !== undefined) return known;
    const real = realPathIfPresent(spelling);
    const path = real ?? normalPath(spelling);
    // `none/../images` is no directory though `images` is one.
    const key = real ?? `\0${path}`;
    const number = byPath.get(key) ?? directories.push({ path, exists: real !== undefined }) - 1;
    byPath.set(key, number);
    bySpelling.set(spelling, number);
    return number;
  };
  const directoryOf = (file: number) => directories[names.directoryOf(file)]?.path ?? "";

  return {
    numberOf(directory, name) {
      const slash = name.lastIndexOf("/");
      if (slash < 0) return names.numberOf(directoryAt(directory), name);
      return names.numberOf(directoryAt(`${directory}/${name.slice(0, slash)}`), name.slice(slash + 1));
    },
    directoryOf,
    directoryExists: (file) => directories[names.directoryOf(file)]?.exists === true,
    nameOf: names.nameOf,
    pathOf: (file) => `${directoryOf(file) === "/" ? "" : directoryOf(file)}/${names.nameOf(file)}`,
    size: names.size,
  };
}
