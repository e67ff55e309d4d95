import { normalPath } from "../run/images.ts";
import { canonicalLabel } from "../run/pass-labels.ts";
import { inTurns } from "./pause.ts";
import { onceEachText, type RowColumns } from "./row-columns.ts";
import { createTextTable, type TextTable } from "./text-table.ts";

/**
 * Finds the first held-out row with the published key of a training row: paths in normal spelling, canonical label, object
 * name, and the board where both tables have it. Ten million held-out rows take 130 MB beside their distinct texts.
 */
export async function heldKeys(
  training: RowColumns,
  held: RowColumns,
  signal?: AbortSignal,
): Promise<(row: number) => number | undefined> {
  const withBoard = training.boardname !== undefined && held.boardname !== undefined;
  const texts = createTextTable();
  const heldKey = keyMaker(held, withBoard, texts.numberOf);
  // A text that no held-out row has gets no number, and its row no key.
  const trainingKey = keyMaker(training, withBoard, texts.find);
  const mask = 2 ** Math.ceil(Math.log2(2 * held.rows + 2)) - 1;
  const slots = new Int32Array(mask + 1).fill(-1);
  const other = new Int32Array(keySize);
  const key = new Int32Array(keySize);
  const slotOf = (): number => {
    for (let slot = hashOf(key) & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] as number;
      if (row < 0) return slot;
      heldKey(row, other);
      if (other.every((part, at) => part === key[at])) return slot;
    }
  };
  const add = (row: number): void => {
    heldKey(row, key);
    const slot = slotOf();
    if ((slots[slot] as number) < 0) slots[slot] = row;
  };
  await inTurns(held.rows, add, signal);
  return (row) => {
    const found = trainingKey(row, key) ? (slots[slotOf()] as number) : -1;
    return found < 0 ? undefined : found;
  };
}

const keySize = 5;

function keyMaker(columns: RowColumns, withBoard: boolean, numberOf: TextTable["numberOf"]) {
  const pathOf = onceEachText(columns, (text) => numberOf(normalPath(text.trim())));
  const labelOf = onceEachText(columns, (text) => numberOf(canonicalLabel(text)));
  const boardOf = onceEachText(columns, (text) => numberOf(text.trim()));
  const objects = new Int32Array(columns.texts.size()).fill(-2);
  const objectOf = (number: number): number => {
    if (objects[number] === -2) objects[number] = numberOf(columns.texts.at(number).trim());
    return objects[number] as number;
  };
  /** Writes the key of a row, unless a text of it has no number; objects come last, of which each row has its own. */
  return (row: number, key: Int32Array): boolean => {
    key[0] = pathOf(columns.input_path.at(row));
    key[1] = pathOf(columns.golden_path.at(row));
    key[2] = labelOf(columns.label.at(row));
    key[3] = withBoard ? boardOf(columns.boardname?.at(row) ?? -1) : 0;
    key[4] = 0;
    if (!key.includes(-1)) key[4] = objectOf(columns.object_name.at(row));
    return !key.includes(-1);
  };
}

function hashOf(key: Int32Array): number {
  let hash = 0x811c9dc5;
  for (const part of key) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  return hash & 0x7fffffff;
}
