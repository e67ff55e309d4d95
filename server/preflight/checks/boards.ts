import { type RowColumns, textAt } from "../../data/row-columns.ts";
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
      const text = sharedText({ side: used, boards: boardsOf(left) }, { side: held, boards: boardsOf(right) });
      if (text !== undefined) warnings.push(text);
    }
    return ok(warnings.length === 0 ? "no board is in two sets" : `${warnings.length} pairs of sets share boards`, {
      warnings,
    });
  },
};

/** The named places of each named board. */
type Boards = ReadonlyMap<string, ReadonlySet<string>>;

function boardsOf(columns: RowColumns): Boards {
  const boards = new Map<string, Set<string>>();
  for (let row = 0; row < columns.rows; row++) {
    const board = textAt(columns, columns.boardname, row).trim();
    if (board === "") continue;
    const places = boards.get(board) ?? new Set<string>();
    boards.set(board, places);
    const place = textAt(columns, columns.comp_name, row).trim();
    if (place !== "") places.add(place);
  }
  return boards;
}

function sharedText(used: { side: Side; boards: Boards }, held: { side: Side; boards: Boards }): string | undefined {
  const shared = [...held.boards.keys()].filter((board) => used.boards.has(board));
  if (shared.length === 0) return undefined;
  const same = (board: string) =>
    [...(held.boards.get(board) ?? [])].filter((place) => used.boards.get(board)?.has(place));
  const places = shared.reduce((sum, board) => sum + same(board).length, 0);
  const names = shared.slice(0, shown).map((board) => quoted(board));
  const more = shared.length > shown ? ", ..." : "";
  const where = `${shared.length} of ${held.boards.size} boards of ${held.side} are boards of ${used.side}, too`;
  return `${where} (${names.join(", ")}${more}), with ${places} places (boardname, comp_name) in both: the figure says less about boards that nobody trained on.`;
}
