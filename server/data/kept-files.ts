import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { FileNumbers } from "./file-numbers.ts";
import { isDoubtful, keptTable } from "./kept-images.ts";
import { pausing } from "./pause.ts";

/** Files that something is made of, none of them a link, by their numbers in an index that looked at them. */
export type SeenFiles = {
  readonly index: Pick<FileNumbers, "directoryOf" | "nameOf" | "pathOf"> & {
    /** Numbers that tell a file from itself before it was touched; a NaN among them equals nothing. */
    stampOf(image: number): Float64Array;
  };
  readonly images: readonly number[];
};

/** What is kept of the files of one directory. */
type Folder<Answer> = {
  readonly ground: string;
  /** One behind the other with a slash between two, which no name has. */
  readonly names: string;
  /** Numbers of each file, one behind the other (`stampOf`). */
  readonly stamps: Float64Array;
  readonly answers: readonly Answer[] | Rows;
};

/** Arrays of one length, one behind the other: thousands that are kept one by one take longer to read than to compare. */
type Rows = { readonly each: number; readonly values: Int8Array };

/** Of a directory more than so many files, and half of what is kept, that nobody asked for are forgotten. */
const mostUnasked = 1000;

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
  const table = await keptTable();
  if (table === undefined || images.length === 0) return await make(images);
  const found = new Array<Answer | undefined>(images.length);
  const wanted: number[] = [];
  const changed: (() => void)[] = [];
  const pause = pausing();
  for (const [directory, places] of byDirectory({ index, images })) {
    const name = `${kind}\0${directory}`;
    const kept = openFolder(table.get(name) as Folder<Answer> | undefined, ground);
    const before = wanted.length;
    for (const place of places) {
      const image = images[place] ?? -1;
      found[place] = kept.answerFor(index.nameOf(image), index.stampOf(image));
      if (found[place] === undefined) wanted.push(place);
      if (pause.isDue()) await pause.rest();
    }
    if (wanted.length > before) {
      const files = places.map((place) => [images[place] ?? -1, place] as const);
      changed.push(() => table.set(name, kept.with(files, index, found)));
    }
  }
  const made = wanted.length === 0 ? [] : await make(wanted.map((place) => images[place] ?? -1));
  for (const [at, place] of wanted.entries()) found[place] = made[at];
  if (ground !== "" && isDoubtful()) return found;
  for (const keep of changed) {
    keep();
    // A directory may hold thousands.
    await setImmediate();
  }
  return found;
}

/** A digest of files and of what tells them from themselves before they were touched; undefined where nothing does yet. */
export function groundOf({ index, images }: SeenFiles): string | undefined {
  const hash = createHash("sha256");
  for (const image of images) {
    const stamp = index.stampOf(image);
    if (stamp.some(Number.isNaN)) return undefined;
    hash.update(`${index.pathOf(image)}\0`).update(stamp);
  }
  return hash.digest("hex");
}

/** Places in the list, by directory in the order of their first mention. */
function byDirectory({ index, images }: SeenFiles): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, image] of images.entries()) {
    const directory = index.directoryOf(image);
    const some = places.get(directory);
    if (some === undefined) places.set(directory, [place]);
    else some.push(place);
  }
  return places;
}

function openFolder<Answer>(kept: Folder<Answer> | undefined, ground: string) {
  const { names, stamps, answers: laid } = kept?.ground === ground ? kept : nothing;
  const answers = "each" in laid ? (eachOf(laid) as Answer[]) : laid;
  const list = answers.length === 0 ? [] : names.split("/");
  const width = list.length === 0 ? 0 : stamps.length / list.length;
  let places: ReadonlyMap<string, number> | undefined;
  let next = 0;
  /** Files are mostly asked for in the order in which they were kept. */
  const placeOf = (name: string): number | undefined => {
    if (list[next] === name) return next++;
    places ??= new Map(list.map((one, at) => [one, at]));
    const place = places.get(name);
    if (place !== undefined) next = place + 1;
    return place;
  };
  return {
    answerFor(name: string, stamp: Float64Array): Answer | undefined {
      const place = placeOf(name);
      if (place === undefined) return undefined;
      for (let at = 0; at < stamp.length; at++) if (stamp[at] !== stamps[width * place + at]) return undefined;
      return answers[place];
    },
    /** The folder with what was found of some files, by their numbers and places. */
    with(
      files: readonly (readonly [image: number, place: number])[],
      index: SeenFiles["index"],
      found: readonly (Answer | undefined)[],
    ): Folder<Answer> {
      const [nextNames, nextAnswers]: [string[], Answer[]] = [[], []];
      const numbers: number[] = [];
      const add = (name: string, stamp: Float64Array, answer: Answer | undefined): void => {
        if (answer === undefined || stamp.some(Number.isNaN)) return;
        nextNames.push(name);
        nextAnswers.push(answer);
        numbers.push(...stamp);
      };
      const asked = new Set(files.map(([image]) => index.nameOf(image)));
      for (const [image, place] of files) add(index.nameOf(image), index.stampOf(image), found[place]);
      if (list.length <= 2 * asked.size + mostUnasked) {
        for (const [at, name] of list.entries()) {
          if (!asked.has(name)) add(name, stamps.subarray(width * at, width * (at + 1)), answers[at]);
        }
      }
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

const nothing = { names: "", stamps: new Float64Array(), answers: [] as const };
