import { realPathIfPresent } from "../fs/head.ts";
import { normalPath } from "../run/images.ts";
import { createNameTable } from "./path-table.ts";
import type { TextTable } from "./text-table.ts";

/** Files by number, in the order of their first mention; other spellings of a directory give the same numbers. */
export type FileNumbers = {
  /** The number of the file `name` in the absolute directory; `name` may hold slashes. */
  numberOf(directory: string, name: string): number;
  /**
   * The same of a file whose name is a text among `parts.texts`, by its number there, and one of `parts.endings`, without
   * looking for the text; undefined where that is not so.
   */
  numbering(texts: TextTable, ending: string): ((directory: string, text: number) => number) | undefined;
  /** The real path of the file's directory, or its normal spelling when there is none. */
  directoryOf(file: number): string;
  directoryExists(file: number): boolean;
  /** The file's name in its directory. */
  nameOf(file: number): string;
  pathOf(file: number): string;
  size(): number;
  /** Gives back the memory that finds files, until another one is numbered. */
  rest(): void;
};

/** What many file names share. */
export type NameParts = {
  /** Ends of file names, as `suffixesOf` gives them: what stands before is held once for all of them. */
  readonly endings?: readonly string[];
  /** Where what stands before lies already, as object names among the cells of a table do. */
  readonly texts?: TextTable;
};

/** Numbers files without looking at them; each directory is resolved once. */
export function createFileNumbers({ endings: all = [], texts }: NameParts = {}): FileNumbers {
  // One name must have one ending: none is the end of another, and the last one fits all names.
  const isLast = (ending: string) => !all.some((other) => other !== ending && ending.endsWith(other));
  const endings = [...new Set(all.filter(isLast)), ""];
  /** By ending, then by spelling. */
  const bySpelling = endings.map(() => new Map<string, number>());
  const byPath = new Map<string, number>();
  const directories: { readonly path: string; readonly exists: boolean; readonly ending: string }[] = [];
  /** In each directory a group of names for each ending. */
  const names = createNameTable(texts);

  const groupAt = (spelling: string, at: number): number => {
    const known = bySpelling[at]?.get(spelling);
    if (known !== undefined) return known;
    const real = realPathIfPresent(spelling);
    const path = real ?? normalPath(spelling);
    // `none/../images` is no directory though `images` is one.
    const key = `${at}${real ?? `\0${path}`}`;
    const group =
      byPath.get(key) ?? directories.push({ path, exists: real !== undefined, ending: endings[at] ?? "" }) - 1;
    byPath.set(key, group);
    bySpelling[at]?.set(spelling, group);
    return group;
  };
  const groupOf = (file: number) => directories[names.directoryOf(file)];
  const directoryOf = (file: number) => groupOf(file)?.path ?? "";
  const nameOf = (file: number) => names.nameOf(file) + (groupOf(file)?.ending ?? "");

  return {
    numberOf(directory, name) {
      const slash = name.lastIndexOf("/");
      const [where, own] =
        slash < 0 ? [directory, name] : [`${directory}/${name.slice(0, slash)}`, name.slice(slash + 1)];
      const at = endings.findIndex((ending) => own.endsWith(ending));
      return names.numberOf(groupAt(where, at), own.slice(0, own.length - (endings[at] ?? "").length));
    },
    numbering(given, ending) {
      const at = endings.indexOf(ending);
      if (given !== texts || at < 0) return undefined;
      return (directory, text) => names.numberOfText(groupAt(directory, at), text);
    },
    directoryOf,
    directoryExists: (file) => groupOf(file)?.exists === true,
    nameOf,
    pathOf: (file) => `${directoryOf(file) === "/" ? "" : directoryOf(file)}/${nameOf(file)}`,
    size: names.size,
    rest: names.rest,
  };
}
