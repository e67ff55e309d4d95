import { defined } from "../run/defined.ts";
import { pythonFloat } from "./python-text.ts";

/** The floor that the loop uses when the state names none (tao-stages 4.5). */
export const defaultMinSimilarity = 0.9;

/** A mined image, the similarity that decided, and the weak image that it is this similar to, where that is known. */
export type Mined = {
  readonly filepath: string;
  readonly max_cosine_similarity: number;
  readonly weak_filepath?: string;
};

/** Mined images with what each is most like, as far as it was noted. */
export function withWeak(mined: readonly Mined[], like: ReadonlyMap<string, string> | undefined): Mined[] {
  return mined.map((one) => ({ ...one, ...defined({ weak_filepath: like?.get(one.filepath) }) }));
}

export type CosineFloor = {
  /** Candidates at or above the floor, in their order. */
  readonly kept: readonly Mined[];
  readonly candidate_count: number;
  readonly rejected_count: number;
  readonly similarity_threshold: number;
};

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
