import type { ImageIndex } from "../../data/image-index.ts";
import { createNumberList, type NumberList } from "../../data/number-list.ts";
import { pausing } from "../../data/pause.ts";
import { type RowColumns, textAt } from "../../data/row-columns.ts";
import type { RowImages } from "../../data/row-images.ts";
import { goldenPlace, type Place, placeIn } from "../../data/twins/search.ts";
import { excerpt } from "../../errors.ts";
import { sha256 } from "../../fs/hash.ts";
import type { TwinPair } from "../../run/state.ts";
import type { Side, Sides } from "../survey.ts";
import { leakPairs } from "./leakage.ts";

/** An image of a row, and the sets that use it. */
export type TwinImage = TwinPair["one"] & {
  readonly side: Side;
  readonly line: number;
  readonly place: Place;
};

/** Images that are compared with one another, and how many more there are of training and pool. */
export type TwinGroup = {
  readonly files: readonly number[];
  readonly places: readonly Place[];
  imageAt(at: number): TwinImage;
  readonly left_out: number;
};

export const sideNames: Readonly<Record<Side, string>> = {
  training_csv: "training",
  validation_csv: "validation",
  kpi_csv: "KPI",
  holdout_csv: "frozen test",
  pool: "pool",
};

/** Sets whose images a figure is measured on come first, so that they are never left out and name a file of two sets. */
const order = ["holdout_csv", "kpi_csv", "validation_csv", "training_csv", "pool"] as const;
/** Of an image of each set. */
const setPlaces = order.map((side, set) =>
  placeIn(
    set,
    leakPairs.flatMap((pair) => otherOf(side, pair)),
  ),
);

/** The set that a set must share nothing with, if it is one of a pair. */
function otherOf(side: Side, [used, held]: readonly [Side, Side, ...unknown[]]): number[] {
  if (side === used) return [order.indexOf(held)];
  return side === held ? [order.indexOf(used)] : [];
}

/**
 * The images of each lighting: the inspected ones of every row, and these with all golden ones. Each file counts once.
 *
 * @param most of one group: above it, a share of training and pool is drawn
 */
export async function twinGroups(sides: Sides, most: number, signal?: AbortSignal) {
  const lightings = Math.max(0, ...order.map((side) => sides[side]?.count ?? 0));
  const inspected: TwinGroup[] = [];
  const golden: TwinGroup[] = [];
  const draw = drawing(sides.index, most, signal);
  for (let light = 0; light < lightings; light++) {
    const parts = filesOf(sides, light, "input");
    inspected.push(await shared(sides, [parts], draw));
    const references = filesOf(sides, light, "golden", parts.places);
    if (references.files.length > 0) golden.push(await shared(sides, [parts, references], draw));
  }
  return { inspected, golden };
}

/** Files with the first row that uses each: numbers alone, since there may be millions. */
type Files = {
  readonly kind: "input" | "golden";
  readonly files: NumberList;
  readonly rows: NumberList;
  /** Places in `order`. */
  readonly sets: NumberList;
  /** By number of the file; 0 for one that is not among them. */
  readonly places: Uint16Array;
};

function filesOf(sides: Sides, light: number, kind: Files["kind"], without?: Uint16Array): Files {
  const { index } = sides;
  const places = new Uint16Array(index.size());
  const [files, rows, sets] = [createNumberList(), createNumberList(), createNumberList()];
  for (const [set, side] of order.entries()) {
    const images = sides[side];
    for (let row = 0; images !== undefined && light < images.count && row < images.columns.rows; row++) {
      const file = index.identityOf(images[kind].at(row * images.count + light));
      if (index.stateOf(file) !== "ok" || (without?.[file] ?? 0) > 0) continue;
      const known = places[file] as number;
      places[file] = (known === 0 && kind === "golden" ? goldenPlace : known) | (setPlaces[set] ?? 0);
      if (known > 0) continue;
      files.push(file);
      rows.push(row);
      sets.push(set);
    }
  }
  return { kind, files, rows, sets, places };
}

function partOf({ columns }: RowImages, row: number) {
  const board = boardOf(columns, row);
  return {
    object_name: excerpt(textAt(columns, columns.object_name, row), 80),
    label: excerpt(textAt(columns, columns.label, row), 80),
    ...(board === "" ? {} : { board: excerpt(board, 80) }),
    line: columns.lines.at(row),
  };
}

function boardOf(columns: RowColumns, row: number): string {
  return textAt(columns, columns.boardname, row).trim();
}

/**
 * All that figures are measured on, and of the rest what there is room for, drawn by path: where images are added, nearly
 * all others are drawn again, and need not be compared again.
 */
async function shared(sides: Sides, groups: readonly Files[], draw: Draw): Promise<TwinGroup> {
  const rest = createNumberList();
  let total = 0;
  for (const { files, sets } of groups) {
    total += files.length;
    for (let at = 0; at < files.length; at++) if (restSets.has(sets.at(at))) rest.push(files.at(at));
  }
  const { isDrawn, left_out } = await draw(rest.all(), total);
  const drawn = { files: [] as number[], places: [] as Place[], groups: [] as Files[], at: createNumberList() };
  for (const group of groups) {
    for (let at = 0; at < group.files.length; at++) {
      const file = group.files.at(at);
      if (restSets.has(group.sets.at(at)) && !isDrawn(file)) continue;
      drawn.files.push(file);
      drawn.places.push(group.places[file] ?? 0);
      drawn.groups.push(group);
      drawn.at.push(at);
    }
  }
  const { files, places } = drawn;
  const shown = (place: number) => imageAt(sides, drawn.groups[place] as Files, drawn.at.at(place));
  return { files, places, imageAt: shown, left_out };
}

type Draw = ReturnType<typeof drawing>;

/**
 * Draws among files where all are more than `most`, each by a number from 0 to below 1 that is as good as drawn and the
 * same for one path.
 */
function drawing(index: ImageIndex, most: number, signal: AbortSignal | undefined) {
  const known = new Float64Array(index.size()).fill(-1);
  const lotOf = (file: number): number => known[file] as number;
  const seeds = new Map<string, number>();
  const seedOf = (directory: string): number => {
    const known = seeds.get(directory);
    if (known !== undefined) return known;
    const seed = Number.parseInt(sha256(directory).slice(0, 8), 16);
    seeds.set(directory, seed);
    return seed;
  };
  return async (rest: Int32Array, total: number) => {
    const room = Math.max(0, most - (total - rest.length));
    if (total <= most) return { isDrawn: () => true, left_out: 0 };
    const pause = pausing();
    for (const file of rest) {
      if (lotOf(file) < 0) known[file] = mixed(seedOf(index.directoryOf(file)), index.nameOf(file));
      if (pause.isDue()) await pause.rest(signal);
    }
    const last = new Float64Array(rest).map(lotOf).sort()[room] ?? 1;
    return { isDrawn: (file: number) => lotOf(file) < last, left_out: rest.length - room };
  };
}

/** A number from 0 to below 1 of a seed and a text: a digest of each of a million paths would take seconds. */
function mixed(seed: number, text: string): number {
  let mix = seed;
  for (let at = 0; at < text.length; at++) mix = Math.imul(mix ^ text.charCodeAt(at), 0x01000193);
  mix = Math.imul(mix ^ (mix >>> 15), 0x2c1b3c6d);
  mix = Math.imul(mix ^ (mix >>> 12), 0x297a2d39);
  return ((mix ^ (mix >>> 15)) >>> 0) / 2 ** 32;
}

const restSets: ReadonlySet<number> = new Set([order.indexOf("training_csv"), order.indexOf("pool")]);

function imageAt({ index, ...sides }: Sides, { kind, files, rows, sets, places }: Files, at: number): TwinImage {
  const [file, side] = [files.at(at), order[sets.at(at)] ?? "pool"];
  const set = kind === "golden" ? `${sideNames[side]}, golden` : sideNames[side];
  const part = partOf(sides[side] as RowImages, rows.at(at));
  return { ...part, path: index.pathOf(file), side, set, place: places[file] ?? 0 };
}
