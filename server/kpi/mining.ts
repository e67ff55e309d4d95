import { pythonFloat } from "./python-text.ts";

/** The floor that the loop uses when the state names none (tao-stages 4.5). */
export const defaultMinSimilarity = 0.9;

export type Embedded = { readonly filepath: string; readonly embedding: ArrayLike<number> };

export type CosineFloor = {
  /** Candidates at or above the floor, in their order. */
  readonly kept: readonly { filepath: string; max_cosine_similarity: number }[];
  readonly candidate_count: number;
  readonly rejected_count: number;
  readonly similarity_threshold: number;
};

/**
 * Largest cosine similarity of each path to any target. A path without a source embedding is left out.
 *
 * The k-NN output holds paths only, so the similarity is computed again from both embedding tables.
 */
export function nearestTargets(
  paths: readonly string[],
  source: readonly Embedded[],
  targets: readonly Embedded[],
): Map<string, number> {
  const vectors = new Map(source.map(({ filepath, embedding }) => [filepath, embedding]));
  const units = targets.map(({ embedding }) => unitVector(embedding));
  const nearest = new Map<string, number>();
  for (const path of new Set(paths)) {
    const embedding = vectors.get(path);
    if (embedding === undefined) continue;
    const vector = unitVector(embedding);
    nearest.set(
      path,
      units.reduce((max, unit) => Math.max(max, dot(vector, unit)), -1),
    );
  }
  return nearest;
}

/**
 * Keeps mined paths whose similarity to their nearest target is at least `minSimilarity`; a path given twice counts
 * once. A path without a similarity is in `unknown`: the mined file then belongs to another pool.
 */
export function applyCosineFloor(
  minedPaths: readonly string[],
  nearest: ReadonlyMap<string, number>,
  minSimilarity: number = defaultMinSimilarity,
): CosineFloor & { readonly unknown: readonly string[] } {
  const candidates = [...new Set(minedPaths)];
  const unknown = candidates.filter((path) => !nearest.has(path));
  const kept = candidates.flatMap((filepath) => {
    const max_cosine_similarity = nearest.get(filepath) ?? -1;
    return max_cosine_similarity >= minSimilarity ? [{ filepath, max_cosine_similarity }] : [];
  });
  return {
    kept,
    candidate_count: candidates.length,
    rejected_count: candidates.length - kept.length,
    similarity_threshold: minSimilarity,
    unknown,
  };
}

/** Header and the one row of `knn_summary.csv`. */
export function knnSummaryTable(floor: CosineFloor): { header: string[]; rows: string[][] } {
  return {
    header: ["candidate_count", "kept_count", "rejected_count", "similarity_threshold"],
    rows: [
      [
        String(floor.candidate_count),
        String(floor.kept.length),
        String(floor.rejected_count),
        pythonFloat(floor.similarity_threshold),
      ],
    ],
  };
}

/** A warning when fewer than half as many rows were kept as one iteration before; none before iteration 2. */
export function yieldWarning(iteration: number, kept: number, previousKept: number | undefined): string | undefined {
  if (iteration < 2 || previousKept === undefined || previousKept === 0 || kept >= previousKept / 2) return undefined;
  const drop = Math.round(100 * (1 - kept / previousKept));
  const counts = `(iter${iteration - 1}: ${previousKept} → iter${iteration}: ${kept})`;
  return `Mining yield dropped ${drop}% ${counts} — pool near exhaustion for the current weak-sample targets.`;
}

/** The vector at length 1; a zero vector stays. */
export function unitVector(vector: ArrayLike<number>): Float64Array {
  const norm = Math.hypot(...Array.from(vector));
  return Float64Array.from(vector, (value) => (norm === 0 ? 0 : value / norm));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}
