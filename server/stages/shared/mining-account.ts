import type { CosineFloor, Mined } from "../../kpi/mining.ts";
import type { HistoryFilter } from "../../kpi/mining-history.ts";
import type { GateFacts, LedgerStep } from "../../ports/stage.ts";
import type { Choice } from "./mining-choice.ts";

/** What mining came to: by the server's choice, or by the vendor's k-NN where there is none. */
export type Found = {
  readonly choice: Choice | undefined;
  readonly floor: CosineFloor;
  readonly filter: HistoryFilter<Mined>;
};

/** Rows that the iteration adds, by source. */
export type Added = Readonly<Record<"mined" | "pass" | "generated" | "contributed", number>>;

/** How many rows were held against the floor: what the k-NN named, or every row that was never mined. */
export function reachOf({ choice, floor }: Pick<Found, "choice" | "floor">) {
  const candidates = choice?.counts.free ?? floor.candidate_count;
  const below_floor = choice ? candidates - choice.counts.in_reach : floor.rejected_count;
  return { candidates, below_floor, pass_pct: candidates === 0 ? 0 : (100 * (candidates - below_floor)) / candidates };
}

/** From candidates to training rows: every rule that takes rows, in its order. */
export function rowFacts(found: Found & { readonly added: Added }): Pick<GateFacts, "ledger" | "additions"> {
  const { mined, generated, contributed } = found.added;
  return {
    ledger: [
      ...(found.choice === undefined ? vendorSteps(found) : choiceSteps(found.choice)),
      { step: "mined rows", rows_in: found.filter.selected_count, rows_out: mined },
      { step: "contribution", rows_in: generated + mined, rows_out: contributed },
    ],
    additions: { earlier_rows: 0, added_rows: contributed, new_rows: contributed },
  };
}

/** The vendor looks at its neighbours first and at history last. */
function vendorSteps({ floor, filter }: Found): LedgerStep[] {
  const { candidate_duplicate_count: repeated, already_mined_count: taken_before } = filter;
  return [
    {
      step: "cosine floor",
      rows_in: floor.candidate_count,
      rows_out: floor.kept.length,
      explained: { below_floor: floor.rejected_count },
    },
    {
      step: "mining history",
      rows_in: floor.kept.length,
      rows_out: filter.selected_count,
      explained: { repeated, taken_before },
    },
  ];
}

/** The server's rule searches only among rows that were never mined. */
function choiceSteps({ floor, counts }: Choice): LedgerStep[] {
  const { pool, free, in_reach, wanted, rounds } = counts;
  const chosen = floor.kept.length;
  return [
    { step: "mining history", rows_in: pool, rows_out: free, explained: { taken_before: pool - free } },
    { step: "cosine floor", rows_in: free, rows_out: in_reach, explained: { below_floor: free - in_reach } },
    {
      step: "choice of rows",
      rows_in: in_reach,
      rows_out: chosen,
      explained: { not_chosen: in_reach - chosen },
      facts: { wanted, rounds },
    },
  ];
}

/** What a person should know about how mining went. */
export function yieldWarnings(found: Found): string[] {
  return found.choice === undefined ? floorWarnings(found) : shortOf(found.choice);
}

function floorWarnings(found: Found): string[] {
  const { pass_pct } = reachOf(found);
  const { recommendation } = found.filter;
  return [
    ...(pass_pct === 0 ? ["No candidate reached the cosine floor."] : []),
    ...(pass_pct > 95 ? [`${pass_pct.toFixed(1)}% of the candidates reach the cosine floor: it hardly selects.`] : []),
    ...(recommendation === null ? [] : [recommendation]),
  ];
}

/** Why the rule found less than it was to find. */
function shortOf({ floor, counts }: Choice): string[] {
  if (counts.free === 0) return ["Every row of the mining pool is mined: widen the pool."];
  if (counts.in_reach === 0) return ["No row of the mining pool that is left reaches the cosine floor."];
  if (floor.kept.length >= counts.wanted) return [];
  return [
    `Only ${floor.kept.length} of ${counts.wanted} rows are mined: no more of those in reach resemble a target of their label, but for the share of later iterations.`,
  ];
}
