import { createNameTable } from "../../data/path-table.ts";
import { onceEachText, type RowColumns } from "../../data/row-columns.ts";
import { createTextTable } from "../../data/text-table.ts";
import { quoted } from "../../errors.ts";
import { ok } from "../findings.ts";
import type { Findings, Side, Step } from "../survey.ts";
import { leakPairs } from "./leakage.ts";

/** Names in one sentence. */
const shown = 5;

/**
 * Whether boards, and places of boards, are in two sets that must share nothing. Where `boardname` names a single board, a
 * figure on a board that also trains says little of a new one; where it names a design, that is how it must be.
 */
export const boardsStep: Step = {
  id: "boards",
  title: "Boards that two sets share",
  async look({ sides }): Promise<Findings> {
    if (sides === undefined) return {};
    const warnings: string[] = [];
    for (const [used, held] of leakPairs) {
      const [left, right] = [sides[used]?.columns, sides[held]?.columns];
      if (left === undefined || right === undefined) continue;
      const text = sharedText({ side: used, columns: left }, { side: held, columns: right });
      if (text !== undefined) warnings.push(text);
    }
    return ok(warnings.length === 0 ? "no board is in two sets" : `${warnings.length} pairs of sets share boards`, {
      warnings,
    });
  },
};

type Used = { readonly side: Side; readonly columns: RowColumns };

function sharedText(used: Used, held: Used): string | undefined {
  const boards = createTextTable();
  const places = createNameTable();
  forEachPlace(held.columns, boards.numberOf, places.numberOf);
  const [sharedBoards, sharedPlaces] = [new Set<number>(), new Uint8Array(places.size())];
  const find = (board: string): number => {
    const number = boards.find(board);
    if (number >= 0) sharedBoards.add(number);
    return number;
  };
  forEachPlace(used.columns, find, (board, place) => {
    const number = places.find(board, place);
    if (number >= 0) sharedPlaces[number] = 1;
  });
  if (sharedBoards.size === 0) return undefined;
  const shared = [...sharedBoards].sort((a, b) => a - b).map(boards.at);
  const same = sharedPlaces.reduce((sum, one) => sum + one, 0);
  const names = shared.slice(0, shown).map((board) => quoted(board));
  const more = shared.length > shown ? ", ..." : "";
  const where = `${shared.length} of ${boards.size()} boards of ${held.side} are boards of ${used.side}, too`;
  return `${where} (${names.join(", ")}${more}), with ${same} places (boardname, comp_name) in both: the figure says less about boards that nobody trained on.`;
}

/** Each named place of a named board, by what `numberOf` says of the board, which is passed over below 0. */
function forEachPlace(
  columns: RowColumns,
  numberOf: (board: string) => number,
  on: (board: number, place: string) => void,
) {
  const boardOf = onceEachText(columns, (text) => (text.trim() === "" ? -1 : numberOf(text.trim())));
  const placeOf = onceEachText(columns, (text) => text.trim());
  if (columns.boardname === undefined) return;
  for (let row = 0; row < columns.rows; row++) {
    const board = boardOf(columns.boardname.at(row));
    const place = columns.comp_name === undefined ? "" : placeOf(columns.comp_name.at(row));
    if (board >= 0 && place !== "") on(board, place);
  }
}
