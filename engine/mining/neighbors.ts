import type { NearestRows } from "../../server/data/nearest.ts";

export type MiningOptions = {
  topn: number;
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
 * The nearest rows of each target, nearest first, gathered in target order; a path that came before is left out (TAO
 * `tmm nearest_neighbors`).
 */
export function gatherMined({ nearest, target_labels, found }: NearestRows, options: MiningOptions): Mined {
  const rowAt = (at: number) => found.get(nearest.rows[at] as number) ?? { filepath: "", label: "" };
  let pairs = Array.from(nearest.rows.keys());
  const total = pairs.length;
  let afterLabel: number | undefined;
  let afterDistance: number | undefined;
  if (options.filter_by_label) {
    const wanted = target_labels.map(labelKey);
    pairs = pairs.filter((at) => labelKey(rowAt(at).label) === wanted[Math.floor(at / nearest.k)]);
    afterLabel = pairs.length;
  }
  if (options.distance_threshold >= 0) {
    pairs = pairs.filter((at) => (nearest.distances[at] as number) <= options.distance_threshold);
    afterDistance = pairs.length;
  }
  return {
    filepaths: [...new Set(pairs.map((at) => rowAt(at).filepath))],
    targets: target_labels.length,
    pairs: total,
    after_label: afterLabel,
    after_distance: afterDistance,
    candidates: pairs.length,
  };
}

function labelKey(label: string): string {
  return label.trim().toUpperCase();
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
