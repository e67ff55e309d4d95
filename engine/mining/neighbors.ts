import { EngineFailure } from "../failure.ts";

export type KnnMetric = "cosine" | "euclidean" | "manhattan";

export type MiningRow = { filepath: string; label: string; embedding: ArrayLike<number> };

export type MiningOptions = {
  topn: number;
  metric: KnnMetric;
  /** Keep only neighbours whose label equals the target's (blanks around and case ignored). */
  filter_by_label: boolean;
  /** Keep only neighbours at most this far; negative keeps all. */
  distance_threshold: number;
};

/** What was mined, with the counts of the summary in the order in which they arise. */
export type Mined = {
  filepaths: string[];
  targets: number;
  pairs: number;
  after_label: number | undefined;
  after_distance: number | undefined;
  candidates: number;
};

/**
 * For each target the `topn` nearest source rows, nearest first, gathered in target order; a path that came before is
 * left out (TAO `tmm nearest_neighbors`). Equal distances keep the order of the source.
 *
 * @throws EngineFailure `ValueError` when `topn` exceeds the source rows or vectors differ in length.
 */
export function mineNeighbors(
  source: readonly MiningRow[],
  target: readonly MiningRow[],
  options: MiningOptions,
): Mined {
  if (options.topn > source.length || options.topn < 1) {
    throw new EngineFailure(
      "ValueError",
      `n_neighbors ${options.topn} must be between 1 and the ${source.length} rows of the source`,
    );
  }
  const matrix = source.map((row) => vectorOf(row, options.metric));
  const width = (matrix[0] as Float64Array).length;
  if (source.some((row) => row.embedding.length !== width) || target.some((row) => row.embedding.length !== width)) {
    throw new EngineFailure("ValueError", "source and target embeddings differ in length");
  }
  let pairs = target.flatMap((row) => {
    const query = vectorOf(row, options.metric);
    return nearest(matrix, query, options).map((found) => ({ ...found, target: row }));
  });
  const total = pairs.length;
  let afterLabel: number | undefined;
  let afterDistance: number | undefined;
  if (options.filter_by_label) {
    pairs = pairs.filter((pair) => labelKey((source[pair.at] as MiningRow).label) === labelKey(pair.target.label));
    afterLabel = pairs.length;
  }
  if (options.distance_threshold >= 0) {
    pairs = pairs.filter((pair) => pair.distance <= options.distance_threshold);
    afterDistance = pairs.length;
  }
  const filepaths = new Set(pairs.map((pair) => (source[pair.at] as MiningRow).filepath));
  return {
    filepaths: [...filepaths],
    targets: target.length,
    pairs: total,
    after_label: afterLabel,
    after_distance: afterDistance,
    candidates: pairs.length,
  };
}

function labelKey(label: string): string {
  return label.trim().toUpperCase();
}

function vectorOf(row: MiningRow, metric: KnnMetric): Float64Array {
  const vector = Float64Array.from(row.embedding);
  if (metric !== "cosine") return vector;
  let squares = 0;
  for (const value of vector) squares += value * value;
  const norm = Math.sqrt(squares) || 1;
  return vector.map((value) => value / norm);
}

function nearest(
  matrix: readonly Float64Array[],
  query: Float64Array,
  { topn, metric }: MiningOptions,
): { at: number; distance: number }[] {
  const best: { at: number; distance: number }[] = [];
  matrix.forEach((vector, at) => {
    const distance = distanceOf(vector, query, metric);
    if (best.length === topn && distance >= (best[topn - 1] as { distance: number }).distance) return;
    let place = best.length;
    while (place > 0 && (best[place - 1] as { distance: number }).distance > distance) place--;
    best.splice(place, 0, { at, distance });
    if (best.length > topn) best.pop();
  });
  return best;
}

function distanceOf(a: Float64Array, b: Float64Array, metric: KnnMetric): number {
  let sum = 0;
  if (metric === "cosine") {
    for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
    return 1 - sum;
  }
  if (metric === "manhattan") {
    for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
    return sum;
  }
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}

/** The text of mining_summary.txt, as the vendor's program writes it. */
export function miningSummary(mined: Mined, options: MiningOptions, output: string): string {
  const lines = [
    `  Target queries: ${mined.targets}`,
    `  Similar items per query: ${options.topn}`,
    `  Total pairs: ${mined.pairs}`,
  ];
  if (mined.after_label !== undefined) {
    const dropped = mined.pairs - mined.after_label;
    lines.push(
      `  After label mismatch filtering: kept ${mined.after_label}/${mined.pairs} pairs, dropped ${dropped} mismatches`,
    );
  }
  if (mined.after_distance !== undefined) {
    const before = mined.after_label ?? mined.pairs;
    const dropped = before - mined.after_distance;
    lines.push(
      `  After distance filtering (threshold=${options.distance_threshold}): ` +
        `kept ${mined.after_distance}/${before} pairs, dropped ${dropped}`,
    );
  }
  lines.push(
    `  Total candidates: ${mined.candidates}`,
    `  Duplicates removed: ${mined.candidates - mined.filepaths.length}`,
    `  Unique items saved: ${mined.filepaths.length}`,
    `  Results saved to: ${output}`,
  );
  return `Summary:\n${lines.join("\n")}\n`;
}
