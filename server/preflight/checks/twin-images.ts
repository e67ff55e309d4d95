import { type RowColumns, textAt } from "../../data/row-columns.ts";
import type { RowImages } from "../../data/row-images.ts";
import { goldenPlace, type Place } from "../../data/twins/search.ts";
import { excerpt } from "../../errors.ts";
import type { TwinPair } from "../../run/state.ts";
import type { Side, Sides } from "../survey.ts";

/** An image of a row, and the sets that use it. */
export type TwinImage = TwinPair["one"] & {
  readonly path: string;
  readonly side: Side;
  readonly line: number;
  readonly place: Place;
};

/** Images that are compared with one another, and how many more there are of training and pool. */
export type TwinGroup = { readonly images: readonly TwinImage[]; readonly left_out: number };

export const sideNames: Readonly<Record<Side, string>> = {
  training_csv: "training",
  validation_csv: "validation",
  kpi_csv: "KPI",
  holdout_csv: "frozen test",
  pool: "pool",
};

/** Sets whose images a figure is measured on come first, so that they are never left out and name a file of two sets. */
const order = ["holdout_csv", "kpi_csv", "validation_csv", "training_csv", "pool"] as const;

/**
 * The images of each lighting: the inspected ones of every row, and these with all golden ones. Each file counts once.
 *
 * @param most of one group: above it, an even share of training and pool is taken
 */
export function twinGroups(sides: Sides, most: number): { inspected: TwinGroup[]; golden: TwinGroup[] } {
  const lightings = Math.max(0, ...order.map((side) => sides[side]?.count ?? 0));
  const inspected: TwinGroup[] = [];
  const golden: TwinGroup[] = [];
  for (let light = 0; light < lightings; light++) {
    const parts = imagesOf(sides, light, "input");
    inspected.push(shared(parts, most));
    const seen = new Set(parts.map(({ path }) => path));
    const references = imagesOf(sides, light, "golden").filter(({ path }) => !seen.has(path));
    if (references.length > 0) golden.push(shared([...parts, ...references], most));
  }
  return { inspected, golden };
}

function imagesOf(sides: Sides, light: number, kind: "input" | "golden"): TwinImage[] {
  const { index } = sides;
  const images = new Map<number, TwinImage>();
  for (const [bit, side] of order.entries()) {
    const rows = sides[side];
    for (let row = 0; rows !== undefined && light < rows.count && row < rows.columns.rows; row++) {
      const file = index.identityOf(rows[kind][row * rows.count + light] ?? -1);
      if (index.stateOf(file) !== "ok") continue;
      const known = images.get(file);
      const place = (known?.place ?? (kind === "golden" ? goldenPlace : 0)) | (1 << bit);
      if (known !== undefined) {
        if (known.place !== place) images.set(file, { ...known, place });
        continue;
      }
      const set = kind === "golden" ? `${sideNames[side]}, golden` : sideNames[side];
      images.set(file, { ...partOf(rows, row), path: index.pathOf(file), side, set, place });
    }
  }
  return [...images.values()];
}

function partOf({ columns }: RowImages, row: number) {
  const board = boardOf(columns, row);
  return {
    object_name: excerpt(columns.object_name[row] ?? "", 80),
    label: excerpt(textAt(columns, columns.label, row), 80),
    ...(board === "" ? {} : { board: excerpt(board, 80) }),
    line: columns.lines[row] ?? 0,
  };
}

function boardOf(columns: RowColumns, row: number): string {
  return textAt(columns, columns.boardname, row).trim();
}

/** All that figures are measured on, and of the rest what there is room for, evenly. */
function shared(images: readonly TwinImage[], most: number): TwinGroup {
  if (images.length <= most) return { images, left_out: 0 };
  const rest = images.filter(({ side }) => side === "training_csv" || side === "pool");
  const room = Math.max(0, most - (images.length - rest.length));
  const kept = new Set(Array.from({ length: room }, (_, at) => rest[Math.floor((at * rest.length) / room)]));
  const dropped = new Set(rest.filter((image) => !kept.has(image)));
  return { images: images.filter((image) => !dropped.has(image)), left_out: dropped.size };
}
