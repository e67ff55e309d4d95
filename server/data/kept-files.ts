import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { listNames } from "../fs/read.ts";
import type { FileNumbers } from "./file-numbers.ts";
import { isDoubtful, keptTable } from "./kept-images.ts";
import { pausing } from "./pause.ts";

/** Files that something is made of, none of them a link, by their numbers in an index that looked at them. */
export type SeenFiles = {
  readonly index: Pick<FileNumbers, "directoryOf" | "nameOf" | "pathOf"> & {
    /** Numbers that tell a file from itself before it was touched, of each as many; a NaN among them equals nothing. */
    stampsOf(images: readonly number[]): Float64Array;
  };
  readonly images: readonly number[];
};

/** What tells files of one directory from others there, and from themselves before they were touched. */
export type Files = {
  /** One behind the other with a slash between two, which no name has. */
  readonly names: string;
  /** Numbers of each file, one behind the other (`stampsOf`). */
  readonly stamps: Float64Array;
};

/** What is kept of the files of one directory. */
type Folder<Answer> = Files & {
  readonly ground: string;
  readonly answers: readonly Answer[] | Rows;
};

/** Arrays of one length, one behind the other: thousands that are kept one by one take longer to read than to compare. */
type Rows = { readonly each: number; readonly values: Int8Array };

/**
 * What is known of each file, and what `make` says of the others. An answer of undefined is not kept, nor one of a file
 * that was written a moment ago: it may be written again with the same times. Kept by directory, so that a file that
 * nobody touched costs a comparison of a few numbers, and one that somebody did the record of its directory.
 *
 * @param ground what the answers rest on beside the files; those on another one are made anew
 */
export async function keptOfFiles<Answer>(
  kind: string,
  { index, images }: SeenFiles,
  make: (images: readonly number[]) => Promise<(Answer | undefined)[]>,
  ground = "",
): Promise<(Answer | undefined)[]> {
  if (images.length === 0) return [];
  const table = await keptTable();
  if (table === undefined) return await make(images);
  const found = new Array<Answer | undefined>(images.length);
  const wanted: number[] = [];
  const changed: (() => Promise<void>)[] = [];
  for await (const { directory, places, files } of foldersOf({ index, images })) {
    const name = `${kind}\0${directory}`;
    const kept = openFolder(table.get(name) as Folder<Answer> | undefined, ground);
    const before = wanted.length;
    const known = kept.answersFor(files);
    for (const [at, place] of places.entries()) {
      found[place] = known[at];
      if (known[at] === undefined) wanted.push(place);
    }
    if (wanted.length > before) {
      changed.push(async () => {
        const answers = places.map((place) => found[place]);
        table.set(name, await kept.with(files, answers, directory));
      });
    }
  }
  const made = wanted.length === 0 ? [] : await make(wanted.map((place) => images[place] ?? -1));
  for (const [at, place] of wanted.entries()) found[place] = made[at];
  if (ground !== "" && isDoubtful()) return found;
  for (const keep of changed) {
    await keep();
    // A directory may hold thousands.
    await setImmediate();
  }
  return found;
}

/** A digest of files and of what tells them from themselves before they were touched; undefined where nothing does yet. */
export function groundOf({ index, images }: SeenFiles): string | undefined {
  const stamps = index.stampsOf(images);
  if (stamps.some(Number.isNaN)) return undefined;
  const hash = createHash("sha256");
  for (const image of images) hash.update(`${index.pathOf(image)}\0`);
  return hash.update(stamps).digest("hex");
}

/** Files of a directory that were asked for, by their numbers. */
type Listed = { readonly numbers: readonly number[]; readonly files: Files };

/** By index and directory the last of them: the next question is mostly about the same, and names are slow to put together. */
const listed = new WeakMap<SeenFiles["index"], Map<string, Listed>>();

/** Files by directory in the order of its first mention, with their places in the list, between pauses. */
export async function* foldersOf({ index, images }: SeenFiles) {
  const folders = new Map<string, number[]>();
  let [last, some]: [string | undefined, number[]] = [undefined, []];
  for (let place = 0; place < images.length; place++) {
    const directory = index.directoryOf(images[place] as number);
    // Files of one directory mostly follow one another.
    if (directory !== last) [last, some] = [directory, folders.get(directory) ?? []];
    if (some.length === 0) folders.set(directory, some);
    some.push(place);
  }
  const lists = listed.get(index) ?? new Map<string, Listed>();
  listed.set(index, lists);
  const pause = pausing();
  for (const [directory, places] of folders) {
    const numbers: number[] = [];
    for (const place of places) {
      numbers.push(images[place] ?? -1);
      if (pause.isDue()) await pause.rest();
    }
    let list = lists.get(directory);
    if (list?.numbers.length !== numbers.length || list.numbers.some((number, at) => number !== numbers[at])) {
      const names: string[] = [];
      for (const number of numbers) {
        names.push(index.nameOf(number));
        if (pause.isDue()) await pause.rest();
      }
      list = { numbers, files: { names: names.join("/"), stamps: index.stampsOf(numbers) } };
      lists.set(directory, list);
    }
    yield { directory, places, files: list.files };
  }
}

/** Whether two lists are of the same files that nobody touched between. */
export function isSame(one: Files, other: Files): boolean {
  if (one.names !== other.names || one.stamps.length !== other.stamps.length) return false;
  for (let at = 0; at < one.stamps.length; at++) if (one.stamps[at] !== other.stamps[at]) return false;
  return true;
}

/** Says of each file of a list where it is in another, untouched, by its place in this one; -1 where it is not. */
export function placesIn(list: Files, files: Files): Int32Array {
  const [names, asked] = [namesOf(list), namesOf(files)];
  const width = files.stamps.length / Math.max(1, asked.length);
  const known = new Map(names.map((name, at) => [name, at]));
  return Int32Array.from(asked, (name, at) => {
    const place = known.get(name) ?? -1;
    for (let number = 0; place >= 0 && number < width; number++) {
      if (list.stamps[width * place + number] !== files.stamps[width * at + number]) return -1;
    }
    return place;
  });
}

function namesOf({ names, stamps }: Files): string[] {
  return stamps.length === 0 ? [] : names.split("/");
}

function openFolder<Answer>(kept: Folder<Answer> | undefined, ground: string) {
  const held: Files = kept?.ground === ground ? kept : nothing;
  const laid = kept?.ground === ground ? kept.answers : [];
  const answers = "each" in laid ? (eachOf(laid) as Answer[]) : laid;
  return {
    answersFor(files: Files): readonly (Answer | undefined)[] {
      if (isSame(held, files)) return answers;
      return Array.from(placesIn(held, files), (place) => answers[place]);
    },
    /** The folder with what was found of some files; of the others those are forgotten that are no longer in the directory. */
    async with(files: Files, found: readonly (Answer | undefined)[], directory: string): Promise<Folder<Answer>> {
      const [nextNames, nextAnswers]: [string[], Answer[]] = [[], []];
      const numbers: number[] = [];
      const add = (name: string, stamp: Float64Array, answer: Answer | undefined): void => {
        if (answer === undefined || stamp.some(Number.isNaN)) return;
        nextNames.push(name);
        nextAnswers.push(answer);
        numbers.push(...stamp);
      };
      const [names, list] = [namesOf(files), namesOf(held)];
      const asked = new Set(names);
      const width = files.stamps.length / names.length;
      const stampAt = ({ stamps }: Files, at: number) => stamps.subarray(width * at, width * (at + 1));
      for (const [at, name] of names.entries()) add(name, stampAt(files, at), found[at]);
      const others = [...list.entries()].filter(([, name]) => !asked.has(name));
      const there = new Set(others.length > 0 ? await listNames(directory).catch(() => []) : []);
      for (const [at, name] of others) if (there.has(name)) add(name, stampAt(held, at), answers[at]);
      return {
        ground,
        names: nextNames.join("/"),
        stamps: Float64Array.from(numbers),
        answers: inRows(nextAnswers) ?? nextAnswers,
      };
    },
  };
}

function inRows(answers: readonly unknown[]): Rows | undefined {
  const [first] = answers;
  if (!(first instanceof Int8Array)) return undefined;
  const values = new Int8Array(first.length * answers.length);
  for (const [at, answer] of answers.entries()) {
    if (!(answer instanceof Int8Array) || answer.length !== first.length) return undefined;
    values.set(answer, first.length * at);
  }
  return { each: first.length, values };
}

function eachOf({ each, values }: Rows): Int8Array[] {
  return Array.from({ length: values.length / each }, (_, at) => values.subarray(each * at, each * (at + 1)));
}

const nothing: Files = { names: "", stamps: new Float64Array() };
