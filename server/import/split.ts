import { sha256 } from "../fs/hash.ts";
import type { Pair } from "./pairing.ts";

export const splitNames = ["training", "validation", "kpi", "pool", "holdout"] as const;
export type SplitName = (typeof splitNames)[number];

/** Shares of all rows without a holdout set; one takes its part of each. */
const shares = { training: 0.4, validation: 0.15, kpi: 0.25, pool: 0.2 } as const;

export type Splits = Readonly<Record<SplitName, readonly Pair[]>>;

/**
 * Divides pairs among the sets so that no board is in two of them, each label as nearly by the shares as whole boards
 * allow. Boards that `together` joins stay together. The same pairs and seed give the same sets.
 */
export function splitPairs(
  pairs: readonly Pair[],
  together: (board: string) => string,
  options: { readonly holdout: number; readonly seed: number },
): Splits {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const key = together(pair.board);
    groups.set(key, [...(groups.get(key) ?? []), pair]);
  }
  const totals = countLabels(pairs);
  const rest = 1 - options.holdout;
  const wanted: Record<SplitName, number> = {
    training: shares.training * rest,
    validation: shares.validation * rest,
    kpi: shares.kpi * rest,
    pool: shares.pool * rest,
    holdout: options.holdout,
  };
  const made: Record<SplitName, Pair[]> = { training: [], validation: [], kpi: [], pool: [], holdout: [] };
  const have = Object.fromEntries(splitNames.map((name) => [name, new Map<string, number>()]));
  const rarest = (group: readonly Pair[]) => Math.min(...group.map(({ label }) => totals.get(label) ?? 0));
  const order = [...groups].map(([key, group]) => ({
    group,
    rank: rarest(group),
    hash: sha256(`${options.seed} ${key}`),
  }));
  order.sort((a, b) => a.rank - b.rank || (a.hash < b.hash ? -1 : 1));
  for (const { group } of order) {
    const labels = countLabels(group);
    const lack = (name: SplitName) =>
      [...labels].reduce((sum, [label, count]) => {
        const total = totals.get(label) ?? 1;
        return sum + ((wanted[name] * total - (have[name]?.get(label) ?? 0)) * count) / total;
      }, 0) / (wanted[name] || 1);
    const open = splitNames.filter((name) => wanted[name] > 0);
    const into = open.reduce((best, name) => (lack(name) > lack(best) ? name : best));
    made[into].push(...group);
    for (const [label, count] of labels) have[into]?.set(label, (have[into]?.get(label) ?? 0) + count);
  }
  return made;
}

/** Rows by label. */
export function countLabels(pairs: Iterable<Pair>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of pairs) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
