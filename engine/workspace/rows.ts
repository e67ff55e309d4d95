import { type BoardStyle, boardStyles } from "./board.ts";
import { type DefectType, defectTypes } from "./defects.ts";
import { type Random, streamOf } from "./random.ts";

export type Label = "PASS" | DefectType;
export const splits = ["train", "validation", "kpi", "mining_pool"] as const;
export type Split = (typeof splits)[number];

export type WorkspaceSize = "standard" | "tiny";
type Counts = Readonly<Record<Label, number>>;

/** Side of the images in pixels and rows by split. The seed set is small, lopsided and free of nuisance on purpose. */
export const sizes: Record<WorkspaceSize, { side: number; generator: number; rows: Record<Split, Counts> }> = {
  standard: {
    side: 96,
    generator: 12,
    rows: {
      train: { PASS: 120, open: 14, bridge: 6, mousebite: 8, spur: 1, copper: 10, "pin-hole": 1 },
      validation: { PASS: 60, open: 6, bridge: 6, mousebite: 6, spur: 3, copper: 6, "pin-hole": 3 },
      kpi: evenly(280, 20),
      mining_pool: evenly(480, 50),
    },
  },
  tiny: {
    side: 64,
    generator: 4,
    rows: {
      train: { PASS: 30, open: 4, bridge: 2, mousebite: 2, spur: 0, copper: 2, "pin-hole": 0 },
      validation: evenly(18, 2),
      kpi: evenly(42, 3),
      mining_pool: evenly(72, 8),
    },
  },
};

function evenly(pass: number, each: number): Counts {
  return { PASS: pass, open: each, bridge: each, mousebite: each, spur: each, copper: each, "pin-hole": each };
}

/** What a generated workspace holds. */
export type WorkspaceFacts = {
  readonly workspace: string;
  readonly seed: number;
  readonly size: WorkspaceSize;
  readonly image_side: number;
  /** Rows by label, by split. */
  readonly rows: Readonly<Record<Split, Readonly<Record<Label, number>>>>;
  /** Name of the generator's data set and its texture. */
  readonly generator: { readonly project: string; readonly texture: string; readonly clean_images: number };
};

/** One window to photograph: which board of which product, and what is to be seen. */
export type PlannedRow = {
  readonly split: Split;
  readonly label: Label;
  readonly style: BoardStyle;
  readonly board: string;
  readonly object: string;
};

const WINDOWS_A_BOARD = 5;
const firstBoard: Record<Split, number> = { train: 100, validation: 200, kpi: 300, mining_pool: 500 };

/** Rows of a split in their final order. No board occurs in two splits; a copper pour has no trace to cut. */
export function planRows(split: Split, counts: Counts, seed: number): PlannedRow[] {
  const random = streamOf(seed, "plan", split);
  const labels = shuffled(
    (["PASS", ...defectTypes] as const).flatMap((label) => new Array<Label>(counts[label]).fill(label)),
    random,
  );
  const boards = Math.max(boardStyles.length, Math.ceil(labels.length / WINDOWS_A_BOARD));
  const windows = new Map<string, number>();
  return labels.map((label) => {
    let number = Math.floor(random() * boards);
    if (label === "open" && styleOf(number) === "plane") number = (number + 1) % boards;
    const style = styleOf(number);
    const board = `${style.toUpperCase()}${firstBoard[split] + number}`;
    const window = (windows.get(board) ?? 0) + 1;
    windows.set(board, window);
    return { split, label, style, board, object: `${board}_w${String(window).padStart(2, "0")}` };
  });
}

function styleOf(number: number): BoardStyle {
  return boardStyles[number % boardStyles.length] ?? "bus";
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
