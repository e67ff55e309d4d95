import { createHashSlots } from "./hash-slots.ts";
import { createPackedList } from "./number-list.ts";
import { createTextTable, type TextTable } from "./text-table.ts";

/**
 * Names in directories, or whatever else a name belongs to, each pair by number in the order of its first mention: 1 to 8
 * bytes a pair, 5 to 8 more while pairs are looked for, and each name once for all directories.
 */
export type NameTable = {
  /** @throws Refusal `input.too-many-rows` when all names together pass the limit. */
  numberOf(directory: number, name: string): number;
  /** The same of a name by its number where the names lie. */
  numberOfText(directory: number, name: number): number;
  /** The number of a pair that is there, else -1. */
  find(directory: number, name: string): number;
  directoryOf(number: number): number;
  /** Empty for a number that was never given. */
  nameOf(number: number): string;
  size(): number;
  /** Like that of a table of texts. */
  rest(): void;
};

/** @param names where the names lie, perhaps beside other texts */
export function createNameTable(names: TextTable = createTextTable()): NameTable {
  const pairs = { directory: createPackedList(), name: createPackedList() };
  const slots = createHashSlots((number) => hashOf(pairs.directory.at(number), pairs.name.at(number)));
  /** The pair that is looked for. */
  let [directory, name] = [-1, -1];
  const isIt = (number: number) => pairs.name.at(number) === name && pairs.directory.at(number) === directory;
  /** The same name is often asked for in several directories, one after the other. */
  let [lastName, lastNumber] = ["", -1];

  const findPair = (inDirectory: number, named: number): number => {
    [directory, name] = [inDirectory, named];
    return slots.find(hashOf(directory, name), isIt);
  };
  const numberOfText = (inDirectory: number, named: number): number => {
    const known = findPair(inDirectory, named);
    if (known >= 0) return known;
    pairs.directory.push(inDirectory);
    pairs.name.push(named);
    slots.add(hashOf(inDirectory, named));
    return pairs.name.length - 1;
  };
  return {
    numberOf(directory, text) {
      if (lastNumber < 0 || text !== lastName) [lastName, lastNumber] = [text, names.numberOf(text)];
      return numberOfText(directory, lastNumber);
    },
    numberOfText,
    find(directory, text) {
      const name = names.find(text);
      return name < 0 ? -1 : findPair(directory, name);
    },
    directoryOf: pairs.directory.at,
    nameOf: (number) => (number >= 0 && number < pairs.name.length ? names.at(pairs.name.at(number)) : ""),
    size: () => pairs.name.length,
    rest() {
      names.rest();
      slots.rest();
    },
  };
}

/** Paths by number, in the order of their first mention. */
export type PathTable = {
  numberOf(path: string): number;
  /** The number of a path that is there, else -1. */
  find(path: string): number;
  /** Empty for a number that was never given. */
  at(number: number): string;
  size(): number;
};

export function createPathTable(): PathTable {
  const [directories, names] = [createTextTable(), createNameTable()];
  const cut = (path: string): [directory: string, name: string] => {
    const at = path.lastIndexOf("/") + 1;
    return [path.slice(0, at), path.slice(at)];
  };
  return {
    numberOf(path) {
      const [directory, name] = cut(path);
      return names.numberOf(directories.numberOf(directory), name);
    },
    find(path) {
      const [directory, name] = cut(path);
      const number = directories.find(directory);
      return number < 0 ? -1 : names.find(number, name);
    },
    at(number) {
      const isThere = number >= 0 && number < names.size();
      return isThere ? directories.at(names.directoryOf(number)) + names.nameOf(number) : "";
    },
    size: names.size,
  };
}

/** Nobody who writes a file knows it, so that no file makes all its pairs fall into one place. */
const seed = Math.floor(Math.random() * 0x7fffffff);

/** Eight names that follow one another stay together: they come and are asked for so, and memory nearby is fast. */
function hashOf(directory: number, name: number): number {
  let hash = Math.imul(directory ^ Math.imul((name >>> 3) ^ seed, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) << 3) | (name & 7)) & 0x7fffffff;
}
