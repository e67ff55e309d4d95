import { type CoverTarget, coverTargets, weaknessWeights } from "./coverage.ts";
import { type Embedded, nearestTargets } from "./mining.ts";

/** Weak samples to each new row of an iteration (references/decisions/003-mining-rule.md has the figures). */
export const weakSamplesPerRow = 2;

/** The model's errors count as they rank at first, when it knows the line least; later the worst count most. */
const sharpnessAt = (iteration: number) => (iteration === 1 ? 1 : 3);

/** More pool rows than this are not looked at as targets, the most telling first: time and memory grow with them. */
const MOST_POOL_TARGETS = 2000;

export type MiningChoice = {
  /** Label of each pool image that no earlier iteration mined, by path. */
  readonly free: ReadonlyMap<string, string>;
  /** The weak KPI images by path. */
  readonly weak: ReadonlyMap<string, { readonly label: string; readonly score: number }>;
  /** The current model's score of pool images by path; empty where the pool is not asked. */
  readonly pool_scores: ReadonlyMap<string, number>;
  /** A row is mined only when its cosine to some weak image is at least this. */
  readonly min_similarity: number;
  /** From 1. */
  readonly iteration: number;
  /** This one included. */
  readonly iterations_left: number;
  readonly weak_samples: number;
};

/** The chosen images with their similarity to the nearest weak image, in the order of choice, and counts on the way. */
export type MiningChosen = {
  readonly nearest: ReadonlyMap<string, number>;
  readonly counts: Readonly<Record<"free" | "in_reach" | "wanted" | "rounds", number>>;
};

/**
 * Chooses pool images that stand for what the model is weak at: weak KPI images and, where the pool is scored, pool
 * images by how wrong the model is about them, half and half. Earlier iterations' rows are not searched at all.
 */
export function chooseRows(
  source: readonly Embedded[],
  targets: readonly Embedded[],
  choice: MiningChoice,
): MiningChosen {
  const open = source.filter(({ filepath }) => choice.free.has(filepath));
  const paths = open.map(({ filepath }) => filepath);
  const similarity = nearestTargets(paths, open, targets);
  const near = open.filter(({ filepath }) => (similarity.get(filepath) ?? -1) >= choice.min_similarity);
  const candidates = near.map((row) => ({ ...row, label: choice.free.get(row.filepath) ?? "" }));
  const wanted = rowsWanted(choice, near.length);
  const asking = [weakTargets(targets, choice), poolTargets(candidates, choice)].filter((group) => group.length > 0);
  const shared = asking.flatMap((group) => group.map((one) => ({ ...one, weight: one.weight / asking.length })));
  const { chosen, rounds } = coverTargets(shared, candidates, { reach: choice.min_similarity, count: wanted });
  return {
    nearest: new Map(chosen.map((path) => [path, similarity.get(path) ?? -1])),
    counts: { free: open.length, in_reach: near.length, wanted, rounds },
  };
}

/** One row for so many weak samples, but no more than this iteration's share of what is in reach. */
function rowsWanted({ weak_samples, iterations_left }: MiningChoice, inReach: number): number {
  const share = Math.ceil(inReach / Math.max(1, iterations_left));
  return Math.min(Math.ceil(weak_samples / weakSamplesPerRow), share);
}

function weakTargets(targets: readonly Embedded[], { weak, iteration }: MiningChoice): CoverTarget[] {
  const known = targets.flatMap(({ filepath, embedding }) => {
    const sample = weak.get(filepath);
    return sample === undefined ? [] : [{ ...sample, embedding }];
  });
  return weighted(known, iteration);
}

function poolTargets(
  candidates: readonly (Embedded & { readonly label: string })[],
  { pool_scores, iteration }: MiningChoice,
): CoverTarget[] {
  const known = candidates.flatMap((row) => {
    const score = pool_scores.get(row.filepath);
    return score === undefined ? [] : [{ ...row, score }];
  });
  const all = weighted(known, iteration);
  return all.length <= MOST_POOL_TARGETS
    ? all
    : all.toSorted((a, b) => b.weight - a.weight).slice(0, MOST_POOL_TARGETS);
}

function weighted(
  rows: readonly { readonly label: string; readonly score: number; readonly embedding: ArrayLike<number> }[],
  iteration: number,
): CoverTarget[] {
  const weights = weaknessWeights(rows, sharpnessAt(iteration));
  return rows.map(({ label, embedding }, at) => ({ label, embedding, weight: weights[at] ?? 0 }));
}
