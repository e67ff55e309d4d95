import { describe, expect, it } from "@jest/globals";
import { applyCosineFloor, knnSummaryTable, yieldWarning } from "../../../server/kpi/mining.ts";
import {
  emptyHistory,
  filterByHistory,
  historyFault,
  type MiningHistory,
  type MiningHistoryEntry,
  minedIdentity,
  withIteration,
} from "../../../server/kpi/mining-history.ts";

const nearest = new Map([
  ["a", 1],
  ["b", Math.SQRT1_2],
  ["c", 0],
  ["z", 0],
]);

describe("cosine floor", () => {
  it("keeps what is near enough to any target and counts a repeated path once", () => {
    const mined = ["b", "a", "c", "a", "z"];
    const floor = applyCosineFloor(mined, nearest, 0.7);
    expect(floor.kept.map(({ filepath }) => filepath)).toEqual(["b", "a"]);
    expect(floor.kept[0]?.max_cosine_similarity).toBeCloseTo(Math.SQRT1_2, 12);
    expect(floor).toMatchObject({ candidate_count: 4, rejected_count: 2, similarity_threshold: 0.7, unknown: [] });
    expect(knnSummaryTable(floor)).toEqual({
      header: ["candidate_count", "kept_count", "rejected_count", "similarity_threshold"],
      rows: [["4", "2", "2", "0.7"]],
    });
  });

  it("uses 0.9 when nothing else is asked for, and names paths of another pool", () => {
    const mined = ["a", "b", "x"];
    const floor = applyCosineFloor(mined, nearest);
    expect([floor.kept.map(({ filepath }) => filepath), floor.unknown]).toEqual([["a"], ["x"]]);
  });

  it("warns when the yield fell below half of the iteration before", () => {
    expect(yieldWarning(2, 4, 10)).toBe(
      "Mining yield dropped 60% (iter1: 10 → iter2: 4) — pool near exhaustion for the current weak-sample targets.",
    );
    expect([yieldWarning(2, 5, 10), yieldWarning(1, 0, 10), yieldWarning(3, 1, undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

function entry(iteration: number, selected: readonly string[]): MiningHistoryEntry {
  return {
    iteration,
    topn: 5,
    candidate_parquet: "/c",
    candidate_sha256: "",
    candidate_unique_count: selected.length,
    already_mined_count: 0,
    selected_count: selected.length,
    selected_filepaths: selected,
    output_parquet: "/o",
    output_sha256: "",
    summary_file: "/s",
    summary_sha256: "",
  };
}

describe("mining history", () => {
  const first = withIteration(emptyHistory, entry(1, ["p/a.jpg", "p/b.jpg"]));

  it("drops repeats and what an earlier iteration took, however the path is spelled", () => {
    const candidates = ["p\\a.jpg", "p/./c.jpg", "p/c.jpg", "q/../p/b.jpg", "d.jpg"].map((filepath) => ({ filepath }));
    expect(filterByHistory(candidates, first)).toEqual({
      selected: [{ filepath: "p/./c.jpg" }, { filepath: "d.jpg" }],
      candidate_row_count: 5,
      candidate_unique_count: 4,
      candidate_duplicate_count: 1,
      history_count_before: 2,
      already_mined_count: 2,
      historical_candidate_rate: 0.5,
      selected_count: 2,
      cumulative_unique_count: 4,
      recommendation: "At least half of the candidates were mined before: raise topn or widen the mining pool.",
    });
    expect(minedIdentity("a//b\\c")).toBe("a/b/c");
  });

  it("recommends a wider pool when nothing is left, and nothing on a fresh one", () => {
    expect(filterByHistory([], first).recommendation).toContain("No new image");
    expect(filterByHistory([{ filepath: "x" }], first).recommendation).toBeNull();
  });

  it.each<[string, MiningHistory, number, string | undefined]>([
    ["a first iteration", emptyHistory, 1, undefined],
    ["the next iteration", first, 2, undefined],
    ["a skipped ledger", emptyHistory, 2, "mining history is required before iteration 2"],
    ["a repeat", first, 1, "iteration 1 is already committed"],
    ["a jump", first, 4, "cannot select iteration 4; mining history ends at iteration 1"],
    ["a gap in the ledger", withIteration(emptyHistory, entry(2, [])), 3, "holds iteration 2 where 1 belongs"],
    ["an image taken twice", withIteration(first, entry(2, ["./p/a.jpg"])), 3, "took an image that an earlier one"],
    ["a wrong total", { ...first, cumulative_unique_count: 3 }, 2, "does not match the selections"],
    ["a wrong count", withIteration(emptyHistory, { ...entry(1, ["a"]), selected_count: 2 }), 2, "miscounts"],
  ])("%s", (_, history, iteration, fault) => {
    const found = historyFault(history, iteration);
    if (fault === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(fault);
  });
});
