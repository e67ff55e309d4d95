import { isPass } from "../run/pass-labels.ts";
import { type CoverTarget, coverTargets, weaknessWeights } from "./coverage.ts";

export type Embedded = {
  readonly filepath: string;
  /** The embedding at length 1. */
  readonly unit: Float32Array;
};

/** A pool image within reach of some weak image: its cosine to the nearest, and the path of that one. */
export type NearRow = Embedded & { readonly similarity: number; readonly like: string };

/** Weak samples to each new row of an iteration (references/decisions/003-mining-rule.md has the figures). */
export const weakSamplesPerRow = 2;

/** The model's errors count as they rank at first, when it knows the line least; later the worst count most. */
const sharpnessAt = (iteration: number) => (iteration === 1 ? 1 : 3);

/** More pool rows than this are not looked at as targets, the most telling first: time and memory grow with them. */
const MOST_POOL_TARGETS = 2000;

/** What is known of images by path. A map is one; a pool of millions answers from its columns. */
export type Lookup<Value> = { get(path: string): Value | undefined };

export type MiningChoice = {
  /** Label of each pool image that no earlier iteration mined. */
  readonly free: Lookup<string>;
  /** The weak KPI images by path. */
  readonly weak: ReadonlyMap<string, { readonly label: string; readonly score: number }>;
  /** The current model's score of pool images; it knows none where the pool is not asked. */
  readonly pool_scores: Lookup<number>;
  /** A row is mined only when its cosine to some weak image is at least this. */
  readonly min_similarity: number;
  /** From 1. */
  readonly iteration: number;
  /** This one included. */
  readonly iterations_left: number;
  readonly weak_samples: number;
  /** Rows that the plan asks for in each iteration, instead of so many for the weak samples. */
  readonly rows?: number;
  /** Percent of the rows that are to be PASS rows; without it weakness alone decides. */
  readonly pass_pct?: number;
};

/** The chosen images with their similarity to the nearest weak image, in the order of choice, and counts on the way. */
export type MiningChosen = {
  readonly nearest: ReadonlyMap<string, number>;
  /** The weak image that each chosen one is most like. */
  readonly like: ReadonlyMap<string, string>;
  readonly counts: Readonly<Record<"free" | "in_reach" | "wanted" | "rounds", number>>;
};

/**
 * Chooses pool images that stand for what the model is weak at: weak KPI images and, where the pool is scored, pool
 * images by how wrong the model is about them, half and half. `near` are the rows that reach the floor, in the order of
 * the pool, out of `free` that no earlier iteration mined.
 */
export function chooseRows(
  { free, near }: { readonly free: number; readonly near: readonly NearRow[] },
  targets: readonly Embedded[],
  choice: MiningChoice,
): MiningChosen {
  const byPath = new Map(near.map((row) => [row.filepath, row]));
  const candidates = near.map((row) => ({ ...row, label: choice.free.get(row.filepath) ?? "" }));
  const wanted = rowsWanted(choice, near.length);
  const asking = [weakTargets(targets, choice), poolTargets(candidates, choice)].filter((group) => group.length > 0);
  const shared = asking.flatMap((group) => group.map((one) => ({ ...one, weight: one.weight / asking.length })));
  const bounds = { reach: choice.min_similarity, turns: choice.iterations_left };
  const covered = sidesOf(choice, wanted).map(({ takes, count }) => {
    const ofSide = <Row extends { readonly label: string }>(rows: readonly Row[]) => rows.filter(takes);
    return coverTargets(ofSide(shared), ofSide(candidates), { ...bounds, count });
  });
  const chosen = covered.flatMap((side) => side.chosen);
  return {
    nearest: new Map(chosen.map((path) => [path, byPath.get(path)?.similarity ?? -1])),
    like: new Map(chosen.map((path) => [path, byPath.get(path)?.like ?? ""])),
    counts: { free, in_reach: near.length, wanted, rounds: Math.max(...covered.map(({ rounds }) => rounds)) },
  };
}

type Side = { readonly takes: (row: { readonly label: string }) => boolean; readonly count: number };

/** All rows at once, or so many PASS rows and so many defects; what one side lacks the other does not make up for. */
function sidesOf({ pass_pct }: MiningChoice, wanted: number): Side[] {
  if (pass_pct === undefined) return [{ takes: () => true, count: wanted }];
  const count = Math.round((wanted * pass_pct) / 100);
  return [
    { takes: ({ label }) => isPass(label), count },
    { takes: ({ label }) => !isPass(label), count: wanted - count },
  ];
}

/** As many as the plan asks for, else one for so many weak samples; no more than this iteration's share of what is in reach. */
function rowsWanted({ weak_samples, iterations_left, rows }: MiningChoice, inReach: number): number {
  const share = Math.ceil(inReach / Math.max(1, iterations_left));
  return Math.min(rows ?? Math.ceil(weak_samples / weakSamplesPerRow), share);
}

function weakTargets(targets: readonly Embedded[], { weak, iteration }: MiningChoice): CoverTarget[] {
  const known = targets.flatMap(({ filepath, unit }) => {
    const sample = weak.get(filepath);
    return sample === undefined ? [] : [{ ...sample, unit }];
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
  rows: readonly { readonly label: string; readonly score: number; readonly unit: Float32Array }[],
  iteration: number,
): CoverTarget[] {
  const weights = weaknessWeights(rows, sharpnessAt(iteration));
  return rows.map(({ label, unit }, at) => ({ label, unit, weight: weights[at] ?? 0 }));
}
