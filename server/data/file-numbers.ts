import { realPathIfPresent } from "../fs/head.ts";
import { normalPath } from "../run/images.ts";

/** Files by number, in the order of their first mention; other spellings of a directory give the same numbers. */
export type FileNumbers = {
  /** The number of the file `name` in the absolute directory; `name` may hold slashes. */
  numberOf(directory: string, name: string): number;
  /** The real path of the file's directory, or its normal spelling when there is none. */
  directoryOf(file: number): string;
  directoryExists(file: number): boolean;
  pathOf(file: number): string;
  size(): number;
};

type Directory = { readonly path: string; readonly exists: boolean; readonly files: Map<string, number> };

/** Numbers files without looking at them; each directory is resolved once. */
export function createFileNumbers(): FileNumbers {
  const bySpelling = new Map<string, Directory>();
  const byPath = new Map<string, Directory>();
  const names: string[] = [];
  const directories: Directory[] = [];

  const directoryAt = (spelling: string): Directory => {
    const known = bySpelling.get(spelling);
    if (known !== undefined) return known;
    const real = realPathIfPresent(spelling);
    const path = real ?? normalPath(spelling);
    const directory = byPath.get(path) ?? { path, exists: real !== undefined, files: new Map() };
    byPath.set(path, directory);
    bySpelling.set(spelling, directory);
    return directory;
  };
  const numberIn = (directory: Directory, name: string): number => {
    const known = directory.files.get(name);
    if (known !== undefined) return known;
    directory.files.set(name, names.length);
    directories.push(directory);
    return names.push(name) - 1;
  };
  const directoryOf = (file: number) => directories[file]?.path ?? "";

  return {
    numberOf(directory, name) {
      const slash = name.lastIndexOf("/");
      if (slash < 0) return numberIn(directoryAt(directory), name);
      return numberIn(directoryAt(`${directory}/${name.slice(0, slash)}`), name.slice(slash + 1));
    },
    directoryOf,
    directoryExists: (file) => directories[file]?.exists === true,
    pathOf: (file) => `${directoryOf(file) === "/" ? "" : directoryOf(file)}/${names[file] ?? ""}`,
    size: () => names.length,
  };
}
