import { normalPath } from "../run/images.ts";

/** One iteration in `mining_history.json`. */
export type MiningHistoryEntry = {
  readonly iteration: number;
  readonly topn: number;
  readonly candidate_parquet: string;
  readonly candidate_sha256: string;
  readonly candidate_unique_count: number;
  readonly already_mined_count: number;
  readonly selected_count: number;
  readonly selected_filepaths: readonly string[];
  readonly output_parquet: string;
  readonly output_sha256: string;
  readonly summary_file: string;
  readonly summary_sha256: string;
};

/** `mining_history.json`: which pool images earlier iterations took, so that none is taken twice. */
export type MiningHistory = {
  readonly version: 1;
  readonly identity: "filepath";
  readonly iterations: readonly MiningHistoryEntry[];
  readonly cumulative_unique_count: number;
};

export type HistoryFilter<Row> = {
  /** Rows that no earlier iteration took, without repeats, in their order. */
  readonly selected: readonly Row[];
  readonly candidate_row_count: number;
  readonly candidate_unique_count: number;
  readonly candidate_duplicate_count: number;
  readonly history_count_before: number;
  readonly already_mined_count: number;
  readonly historical_candidate_rate: number;
  readonly selected_count: number;
  readonly cumulative_unique_count: number;
  readonly recommendation: string | null;
};

export const emptyHistory: MiningHistory = {
  version: 1,
  identity: "filepath",
  iterations: [],
  cumulative_unique_count: 0,
};

/** What makes two mined paths the same image: forward slashes and POSIX normal spelling. */
export function minedIdentity(filepath: string): string {
  return normalPath(filepath.replaceAll("\\", "/"));
}

/** Why a ledger cannot serve `iteration`, or undefined when it can. Recorded files are hashed by the caller. */
export function historyFault(history: MiningHistory, iteration: number): string | undefined {
  const seen = new Set<string>();
  for (const [at, entry] of history.iterations.entries()) {
    if (entry.iteration !== at + 1) return `mining history holds iteration ${entry.iteration} where ${at + 1} belongs`;
    if (entry.selected_filepaths.length !== entry.selected_count) return `iteration ${at + 1} miscounts its selection`;
    for (const path of entry.selected_filepaths.map(minedIdentity)) {
      if (seen.has(path)) return `iteration ${at + 1} took an image that an earlier one had taken`;
      seen.add(path);
    }
  }
  if (seen.size !== history.cumulative_unique_count) return "the cumulative count does not match the selections";
  const last = history.iterations.length;
  if (last === 0 && iteration > 1) return `mining history is required before iteration ${iteration}`;
  if (last >= iteration) return `iteration ${iteration} is already committed`;
  if (last !== iteration - 1) return `cannot select iteration ${iteration}; mining history ends at iteration ${last}`;
  return undefined;
}

/** Drops repeats and everything an earlier iteration took (tao-stages 4.5). */
export function filterByHistory<Row extends { readonly filepath: string }>(
  candidates: readonly Row[],
  history: MiningHistory,
): HistoryFilter<Row> {
  const taken = new Set(history.iterations.flatMap((entry) => entry.selected_filepaths.map(minedIdentity)));
  const unique = new Map<string, Row>();
  for (const row of candidates) {
    const identity = minedIdentity(row.filepath);
    if (!unique.has(identity)) unique.set(identity, row);
  }
  const selected = [...unique].filter(([identity]) => !taken.has(identity)).map(([, row]) => row);
  const already_mined_count = unique.size - selected.length;
  const historical_candidate_rate = unique.size === 0 ? 0 : already_mined_count / unique.size;
  return {
    selected,
    candidate_row_count: candidates.length,
    candidate_unique_count: unique.size,
    candidate_duplicate_count: candidates.length - unique.size,
    history_count_before: taken.size,
    already_mined_count,
    historical_candidate_rate,
    selected_count: selected.length,
    cumulative_unique_count: taken.size + selected.length,
    recommendation: recommendationFor(selected.length, historical_candidate_rate),
  };
}

/** The ledger with one more iteration. */
export function withIteration(history: MiningHistory, entry: MiningHistoryEntry): MiningHistory {
  return {
    ...history,
    iterations: [...history.iterations, entry],
    cumulative_unique_count: history.cumulative_unique_count + entry.selected_count,
  };
}

function recommendationFor(selected: number, historicalRate: number): string | null {
  if (selected === 0) return "No new image is left among the candidates: raise topn or widen the mining pool.";
  if (historicalRate < 0.5) return null;
  return "At least half of the candidates were mined before: raise topn or widen the mining pool.";
}
